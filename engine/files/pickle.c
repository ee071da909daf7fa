#include "files/pickle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

/* Memory comes in blocks that are freed together. */
typedef struct block {
    struct block *next;
    size_t used, size;
    _Alignas(16) char bytes[];
} block;

#define BLOCK_BYTES ((size_t)64 << 10)

typedef struct values {
    calr_pickle_value **at;
    int64_t count, room;
} values;

struct calr_pickle {
    block *blocks;
    values stack, memo, stored;
    calr_pickle_value *root;
    int64_t count;
    /* of the reading */
    const unsigned char *data;
    size_t size, at;
    const char *name;
};

/* Lies on the stack where an opcode MARK was; nobody outside sees it. */
static calr_pickle_value mark = {.kind = CALR_PICKLE_NONE};

static calr_status bad(const calr_pickle *p, const char *what)
{
    return calr_error(CALR_EFORMAT,
                      "%s: its pickle %s (byte %zu): the file is damaged or was not "
                      "written by PyTorch",
                      p->name, what, p->at);
}

static calr_status no_memory(const calr_pickle *p)
{
    return calr_error(CALR_ENOMEM, "no memory to read %s", p->name);
}

static void *take(calr_pickle *p, size_t bytes)
{
    size_t wanted = (bytes + 15) / 16 * 16;
    if (!p->blocks || p->blocks->size - p->blocks->used < wanted) {
        size_t size = wanted > BLOCK_BYTES ? wanted : BLOCK_BYTES;
        block *fresh = malloc(sizeof *fresh + size);
        if (!fresh)
            return NULL;
        *fresh = (block){.next = p->blocks, .size = size};
        p->blocks = fresh;
    }
    void *memory = p->blocks->bytes + p->blocks->used;
    p->blocks->used += wanted;
    return memory;
}

static calr_status append(const calr_pickle *p, values *list, calr_pickle_value *value)
{
    if (list->count == list->room) {
        int64_t room = list->room ? list->room * 2 : 256;
        calr_pickle_value **grown = realloc(list->at, (size_t)room * sizeof *grown);
        if (!grown)
            return no_memory(p);
        list->at = grown;
        list->room = room;
    }
    list->at[list->count++] = value;
    return CALR_OK;
}

static calr_status push(calr_pickle *p, calr_pickle_kind kind, calr_pickle_value **out)
{
    calr_pickle_value *value = take(p, sizeof *value);
    if (!value)
        return no_memory(p);
    *value = (calr_pickle_value){.kind = kind, .id = p->count++};
    *out = value;
    return append(p, &p->stack, value);
}

static calr_status push_integer(calr_pickle *p, calr_pickle_kind kind, int64_t integer)
{
    calr_pickle_value *value;
    CALR_TRY(push(p, kind, &value));
    value->integer = integer;
    return CALR_OK;
}

/* The next `count` bytes, which must be there. */
static calr_status bytes(calr_pickle *p, uint64_t count, const unsigned char **out)
{
    if (count > p->size - p->at)
        return bad(p, "is cut off");
    *out = p->data + p->at;
    p->at += (size_t)count;
    return CALR_OK;
}

/* A whole number of `width` bytes, least first, without sign. */
static calr_status number(calr_pickle *p, int width, uint64_t *out)
{
    const unsigned char *from;
    CALR_TRY(bytes(p, (uint64_t)width, &from));
    *out = 0;
    for (int i = width - 1; i >= 0; i--)
        *out = *out << 8 | from[i];
    return CALR_OK;
}

static calr_status push_text(calr_pickle *p, calr_pickle_kind kind, const unsigned char *from,
                             size_t length)
{
    calr_pickle_value *value;
    char *copy = take(p, length + 1);
    if (!copy)
        return no_memory(p);
    memcpy(copy, from, length);
    copy[length] = 0;
    CALR_TRY(push(p, kind, &value));
    value->text = copy;
    value->length = length;
    return CALR_OK;
}

/* A text behind its length of `width` bytes. */
static calr_status sized_text(calr_pickle *p, calr_pickle_kind kind, int width)
{
    const unsigned char *from;
    uint64_t length;
    CALR_TRY(number(p, width, &length));
    CALR_TRY(bytes(p, length, &from));
    return push_text(p, kind, from, (size_t)length);
}

static calr_status line(calr_pickle *p, const unsigned char **from, size_t *length)
{
    const unsigned char *begin = p->data + p->at, *end = memchr(begin, '\n', p->size - p->at);
    if (!end)
        return bad(p, "is cut off");
    *from = begin;
    *length = (size_t)(end - begin);
    p->at += *length + 1;
    return CALR_OK;
}

static calr_status long_number(calr_pickle *p, int width)
{
    const unsigned char *from;
    uint64_t length, value = 0;
    CALR_TRY(number(p, width, &length));
    CALR_TRY(bytes(p, length, &from));
    if (length > 8)
        return push_text(p, CALR_PICKLE_BYTES, from, (size_t)length);
    for (uint64_t i = length; i > 0; i--)
        value = value << 8 | from[i - 1];
    if (length > 0 && length < 8 && from[length - 1] & 0x80)
        value |= UINT64_MAX << (8 * length);
    return push_integer(p, CALR_PICKLE_INT, (int64_t)value);
}

static calr_status double_number(calr_pickle *p)
{
    const unsigned char *from;
    uint64_t bits = 0;
    calr_pickle_value *value;
    CALR_TRY(bytes(p, 8, &from));
    for (int i = 0; i < 8; i++) /* most significant byte first */
        bits = bits << 8 | from[i];
    CALR_TRY(push(p, CALR_PICKLE_FLOAT, &value));
    memcpy(&value->number, &bits, sizeof value->number);
    return CALR_OK;
}

/* ---- the stack ---- */

static calr_status pop(calr_pickle *p, calr_pickle_value **out)
{
    if (p->stack.count == 0 || p->stack.at[p->stack.count - 1] == &mark)
        return bad(p, "takes a value that is not there");
    *out = p->stack.at[--p->stack.count];
    return CALR_OK;
}

/* The values above the uppermost mark; they and the mark are still on the stack. */
static calr_status above_mark(calr_pickle *p, int64_t *first)
{
    for (int64_t i = p->stack.count; i > 0; i--)
        if (p->stack.at[i - 1] == &mark) {
            *first = i;
            return CALR_OK;
        }
    return bad(p, "takes a mark that is not there");
}

static calr_status add_items(calr_pickle *p, calr_pickle_value *to, calr_pickle_value **from,
                             int64_t count)
{
    if (count > to->room - to->count) {
        int64_t room = to->room * 2 > to->count + count ? to->room * 2 : to->count + count;
        calr_pickle_value **grown = take(p, (size_t)room * sizeof *grown);
        if (!grown)
            return no_memory(p);
        if (to->count)
            memcpy(grown, to->items, (size_t)to->count * sizeof *grown);
        to->items = grown;
        to->room = room;
    }
    if (count)
        memcpy(to->items + to->count, from, (size_t)count * sizeof *from);
    to->count += count;
    return CALR_OK;
}

/* The uppermost `count` values become one of `kind`. */
static calr_status gather(calr_pickle *p, calr_pickle_kind kind, int64_t count)
{
    calr_pickle_value *value, *item[3];
    for (int64_t i = count; i > 0; i--)
        CALR_TRY(pop(p, &item[i - 1]));
    CALR_TRY(push(p, kind, &value));
    return add_items(p, value, item, count);
}

/* Everything above the mark becomes one value. */
static calr_status gather_marked(calr_pickle *p, calr_pickle_kind kind)
{
    int64_t first, count;
    calr_pickle_value *value;
    CALR_TRY(above_mark(p, &first));
    count = p->stack.count - first;
    if (kind == CALR_PICKLE_DICT && count % 2)
        return bad(p, "has a dictionary with a key too many");
    CALR_TRY(push(p, kind, &value));
    CALR_TRY(add_items(p, value, p->stack.at + first, count));
    p->stack.at[first - 1] = value;
    p->stack.count = first;
    return CALR_OK;
}

/* The uppermost `count` values (-1: those above the mark) are added to the container below. */
static calr_status extend(calr_pickle *p, calr_pickle_kind kind, int64_t count)
{
    int64_t first = p->stack.count - count, below = first - 1;
    if (count < 0) {
        CALR_TRY(above_mark(p, &first));
        below = first - 2;
    }
    if (below < 0 || p->stack.at[below] == &mark)
        return bad(p, "adds to a value that is not there");
    calr_pickle_value *to = p->stack.at[below];
    count = p->stack.count - first;
    for (int64_t i = first; i < p->stack.count; i++)
        if (p->stack.at[i] == &mark)
            return bad(p, "adds a mark");
    if (kind == CALR_PICKLE_DICT && count % 2)
        return bad(p, "has a dictionary with a key too many");
    /* An object of an unknown class that behaves like a list or dictionary stays a call. */
    if (to->kind == kind)
        CALR_TRY(add_items(p, to, p->stack.at + first, count));
    else if (to->kind != CALR_PICKLE_CALL)
        return bad(p, "adds to a value that holds no others");
    p->stack.count = below + 1;
    return CALR_OK;
}

static calr_status drop_to_mark(calr_pickle *p)
{
    int64_t first;
    CALR_TRY(above_mark(p, &first));
    p->stack.count = first - 1;
    return CALR_OK;
}

/* ---- names, calls, the memo ---- */

static calr_status push_global(calr_pickle *p, const unsigned char *module, size_t module_length,
                               const unsigned char *name, size_t name_length)
{
    calr_pickle_value *value;
    char *text = take(p, module_length + name_length + 2);
    if (!text)
        return no_memory(p);
    memcpy(text, module, module_length);
    text[module_length] = ' ';
    memcpy(text + module_length + 1, name, name_length);
    text[module_length + 1 + name_length] = 0;
    CALR_TRY(push(p, CALR_PICKLE_GLOBAL, &value));
    value->text = text;
    value->length = module_length + 1 + name_length;
    return CALR_OK;
}

static calr_status global_lines(calr_pickle *p)
{
    const unsigned char *module, *name;
    size_t module_length, name_length;
    CALR_TRY(line(p, &module, &module_length));
    CALR_TRY(line(p, &name, &name_length));
    return push_global(p, module, module_length, name, name_length);
}

static calr_status global_from_stack(calr_pickle *p)
{
    calr_pickle_value *module, *name;
    CALR_TRY(pop(p, &name));
    CALR_TRY(pop(p, &module));
    if (module->kind != CALR_PICKLE_TEXT || name->kind != CALR_PICKLE_TEXT)
        return bad(p, "names a class by something that is no text");
    return push_global(p, (const unsigned char *)module->text, module->length,
                       (const unsigned char *)name->text, name->length);
}

/* An ordered dictionary is a dictionary. Everything else that is called stays what it is. */
static calr_status call(calr_pickle *p)
{
    calr_pickle_value *arguments, *callee, *value;
    CALR_TRY(pop(p, &arguments));
    CALR_TRY(pop(p, &callee));
    bool ordered = callee->kind == CALR_PICKLE_GLOBAL && arguments->kind == CALR_PICKLE_TUPLE &&
                   arguments->count == 0 && strcmp(callee->text, "collections OrderedDict") == 0;
    CALR_TRY(push(p, ordered ? CALR_PICKLE_DICT : CALR_PICKLE_CALL, &value));
    return ordered ? CALR_OK : add_items(p, value, (calr_pickle_value *[]){callee, arguments}, 2);
}

static calr_status stored(calr_pickle *p)
{
    CALR_TRY(gather(p, CALR_PICKLE_STORED, 1));
    return append(p, &p->stored, p->stack.at[p->stack.count - 1]);
}

/* Indices follow each other in every file that exists, and each takes two bytes at least; one above
 * the bytes read so far is an attempt on our memory. */
static calr_status put(calr_pickle *p, uint64_t index)
{
    if (p->stack.count == 0 || p->stack.at[p->stack.count - 1] == &mark)
        return bad(p, "remembers a value that is not there");
    if (index > p->at)
        return bad(p, "remembers more values than it has");
    while ((uint64_t)p->memo.count <= index)
        CALR_TRY(append(p, &p->memo, NULL));
    p->memo.at[index] = p->stack.at[p->stack.count - 1];
    return CALR_OK;
}

static calr_status get(calr_pickle *p, uint64_t index)
{
    if (index >= (uint64_t)p->memo.count || !p->memo.at[index])
        return bad(p, "recalls a value that it never had");
    return append(p, &p->stack, p->memo.at[index]);
}

static calr_status indexed(calr_pickle *p, int width, calr_status (*act)(calr_pickle *, uint64_t))
{
    uint64_t index;
    CALR_TRY(number(p, width, &index));
    return act(p, index);
}

static calr_status duplicate(calr_pickle *p)
{
    calr_pickle_value *value;
    CALR_TRY(pop(p, &value));
    CALR_TRY(append(p, &p->stack, value));
    return append(p, &p->stack, value);
}

static calr_status small_integer(calr_pickle *p, int width)
{
    uint64_t value;
    CALR_TRY(number(p, width, &value));
    return push_integer(p, CALR_PICKLE_INT,
                        width == 4 ? (int64_t)(int32_t)(uint32_t)value : (int64_t)value);
}

static calr_status skip(calr_pickle *p, uint64_t count)
{
    const unsigned char *from;
    return bytes(p, count, &from);
}

/* The state of an object (BUILD) is dropped: of classes that are not known nothing is used. */
static calr_status drop(calr_pickle *p)
{
    calr_pickle_value *value;
    return pop(p, &value);
}

static calr_status pop_any(calr_pickle *p)
{
    if (p->stack.count == 0)
        return bad(p, "takes a value that is not there");
    p->stack.count--;
    return CALR_OK;
}

/* One operation, by its letter; names as in pickletools.py. */
static calr_status operate(calr_pickle *p, unsigned char letter)
{
    calr_pickle_value *value;
    switch (letter) {
    case 0x80: /* PROTO */
        return skip(p, 1);
    case 0x95: /* FRAME */
        return skip(p, 8);
    case '(': /* MARK */
        return append(p, &p->stack, &mark);
    case 'N': /* NONE */
        return push(p, CALR_PICKLE_NONE, &value);
    case 0x88: /* NEWTRUE */
    case 0x89: /* NEWFALSE */
        return push_integer(p, CALR_PICKLE_BOOL, letter == 0x88);
    case 'J': /* BININT */
        return small_integer(p, 4);
    case 'K': /* BININT1 */
        return small_integer(p, 1);
    case 'M': /* BININT2 */
        return small_integer(p, 2);
    case 0x8a: /* LONG1 */
        return long_number(p, 1);
    case 0x8b: /* LONG4 */
        return long_number(p, 4);
    case 'G': /* BINFLOAT */
        return double_number(p);
    case 0x8c: /* SHORT_BINUNICODE */
        return sized_text(p, CALR_PICKLE_TEXT, 1);
    case 'X': /* BINUNICODE */
        return sized_text(p, CALR_PICKLE_TEXT, 4);
    case 0x8d: /* BINUNICODE8 */
        return sized_text(p, CALR_PICKLE_TEXT, 8);
    case 'U': /* SHORT_BINSTRING: text of Python 2 */
        return sized_text(p, CALR_PICKLE_TEXT, 1);
    case 'T': /* BINSTRING */
        return sized_text(p, CALR_PICKLE_TEXT, 4);
    case 'C': /* SHORT_BINBYTES */
        return sized_text(p, CALR_PICKLE_BYTES, 1);
    case 'B': /* BINBYTES */
        return sized_text(p, CALR_PICKLE_BYTES, 4);
    case 0x8e: /* BINBYTES8 */
    case 0x96: /* BYTEARRAY8 */
        return sized_text(p, CALR_PICKLE_BYTES, 8);
    case ')': /* EMPTY_TUPLE */
        return push(p, CALR_PICKLE_TUPLE, &value);
    case ']':  /* EMPTY_LIST */
    case 0x8f: /* EMPTY_SET */
        return push(p, CALR_PICKLE_LIST, &value);
    case '}': /* EMPTY_DICT */
        return push(p, CALR_PICKLE_DICT, &value);
    case 0x85: /* TUPLE1 */
    case 0x86: /* TUPLE2 */
    case 0x87: /* TUPLE3 */
        return gather(p, CALR_PICKLE_TUPLE, letter - 0x84);
    case 't': /* TUPLE */
        return gather_marked(p, CALR_PICKLE_TUPLE);
    case 'l':  /* LIST */
    case 0x91: /* FROZENSET */
        return gather_marked(p, CALR_PICKLE_LIST);
    case 'd': /* DICT */
        return gather_marked(p, CALR_PICKLE_DICT);
    case 'a': /* APPEND */
        return extend(p, CALR_PICKLE_LIST, 1);
    case 'e':  /* APPENDS */
    case 0x90: /* ADDITEMS */
        return extend(p, CALR_PICKLE_LIST, -1);
    case 's': /* SETITEM */
        return extend(p, CALR_PICKLE_DICT, 2);
    case 'u': /* SETITEMS */
        return extend(p, CALR_PICKLE_DICT, -1);
    case 'c': /* GLOBAL */
        return global_lines(p);
    case 0x93: /* STACK_GLOBAL */
        return global_from_stack(p);
    case 'R':  /* REDUCE */
    case 0x81: /* NEWOBJ */
        return call(p);
    case 'b': /* BUILD */
        return drop(p);
    case 'Q': /* BINPERSID */
        return stored(p);
    case 'q': /* BINPUT */
        return indexed(p, 1, put);
    case 'r': /* LONG_BINPUT */
        return indexed(p, 4, put);
    case 0x94: /* MEMOIZE */
        return put(p, (uint64_t)p->memo.count);
    case 'h': /* BINGET */
        return indexed(p, 1, get);
    case 'j': /* LONG_BINGET */
        return indexed(p, 4, get);
    case '2': /* DUP */
        return duplicate(p);
    case '0': /* POP */
        return pop_any(p);
    case '1': /* POP_MARK */
        return drop_to_mark(p);
    default:
        p->at--;
        return bad(p, "has an operation that is not known");
    }
}

static calr_status run(calr_pickle *p)
{
    const unsigned char *letter;
    do {
        CALR_TRY(bytes(p, 1, &letter));
        if (*letter != '.')
            CALR_TRY(operate(p, *letter));
    } while (*letter != '.');
    return pop(p, &p->root);
}

calr_status calr_pickle_read(const void *data, size_t size, const char *name, size_t *used,
                             calr_pickle **out)
{
    calr_pickle *pickle = calloc(1, sizeof *pickle);
    if (!pickle)
        return calr_error(CALR_ENOMEM, "no memory to read %s", name);
    pickle->data = data;
    pickle->size = size;
    pickle->name = name;
    calr_status status = run(pickle);
    if (status != CALR_OK) {
        calr_pickle_release(pickle);
        return status;
    }
    *used = pickle->at;
    *out = pickle;
    return CALR_OK;
}

void calr_pickle_release(calr_pickle *pickle)
{
    if (!pickle)
        return;
    for (block *b = pickle->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(pickle->stack.at);
    free(pickle->memo.at);
    free(pickle->stored.at);
    free(pickle);
}

const calr_pickle_value *calr_pickle_root(const calr_pickle *pickle)
{
    return pickle->root;
}

int64_t calr_pickle_count(const calr_pickle *pickle)
{
    return pickle->count;
}

const calr_pickle_value *calr_pickle_stored(const calr_pickle *pickle, int64_t i)
{
    return i < pickle->stored.count ? pickle->stored.at[i] : NULL;
}

bool calr_pickle_is_text(const calr_pickle_value *value, const char *text)
{
    return value->kind == CALR_PICKLE_TEXT && value->length == strlen(text) &&
           memcmp(value->text, text, value->length) == 0;
}

const calr_pickle_value *calr_pickle_get(const calr_pickle_value *dict, const char *key)
{
    if (dict->kind != CALR_PICKLE_DICT)
        return NULL;
    for (int64_t i = 0; i < dict->count; i += 2)
        if (calr_pickle_is_text(dict->items[i], key))
            return dict->items[i + 1];
    return NULL;
}
