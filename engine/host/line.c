/* calr.host: what the prompt needs of the terminal. */
#include <errno.h>
#include <histedit.h>
#include <lauxlib.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "base/interrupt.h"
#include "binding/bind.h"
#include "host/host.h"

/// @module calr.host
/// The terminal of the prompt; only the program calr has it. For lua/calr/program/prompt.

#define REMEMBERED 1000

/* The one editor of the process: libedit, on the terminal at standard input. */
static struct editor {
    EditLine *line;
    History *history;
    char *path;      /* of the history's file, or NULL */
    lua_State *L;    /* while a line is read: */
    int complete;    /* the function that completes, on L's stack; 0: none */
    char prompt[32]; /* and what stands before it */
} editor;

static char *prompt_of(EditLine *line)
{
    (void)line;
    return editor.prompt;
}

/* ---- keys of our own ---- */

/* Tab. The function of Lua says what to insert, and what to list. An error of it must not pass through libedit. */
static unsigned char on_complete(EditLine *line, int key)
{
    (void)key;
    lua_State *L = editor.L;
    const LineInfo *text = el_line(line);
    if (editor.complete == 0 || !lua_checkstack(L, 4))
        return CC_ERROR;
    int top = lua_gettop(L);
    unsigned char result = CC_ERROR;
    lua_pushvalue(L, editor.complete);
    lua_pushlstring(L, text->buffer, (size_t)(text->cursor - text->buffer));
    if (lua_pcall(L, 1, 2, 0) == LUA_OK) {
        const char *insert = lua_tostring(L, -2), *listing = lua_tostring(L, -1);
        if (insert && insert[0] && el_insertstr(line, insert) == 0)
            result = CC_REFRESH;
        if (listing) {
            FILE *out = NULL;
            el_get(line, EL_GETFP, 1, &out);
            fprintf(out, "\n%s\n", listing);
            result = CC_REDISPLAY;
        }
    }
    lua_settop(L, top);
    return calr_interrupt_requested() ? CC_NEWLINE : result;
}

/* What a terminal sends around pasted text ("bracketed paste"). Its lines become lines of the statement that is being
 * typed, which Return then runs as a whole. */
static const wchar_t paste_end[] = L"\033[201~";

static unsigned char on_paste(EditLine *line, int key)
{
    (void)key;
    const size_t end = wcslen(paste_end);
    size_t used = 0, capacity = 1024;
    wchar_t *text = malloc(capacity * sizeof *text);
    wchar_t c;
    while (text && el_wgetc(line, &c) == 1) {
        if (used + 1 >= capacity) {
            wchar_t *grown = realloc(text, 2 * capacity * sizeof *text);
            if (!grown)
                break;
            text = grown;
            capacity *= 2;
        }
        text[used++] = c == L'\r' ? L'\n' : c;
        if (used >= end && wmemcmp(text + used - end, paste_end, end) == 0) {
            used -= end;
            break;
        }
    }
    if (!text)
        return CC_ERROR;
    while (used > 0 && text[used - 1] == L'\n')
        used--;
    text[used] = 0;
    int failed = used > 0 && el_winsertstr(line, text) != 0;
    free(text);
    return failed ? CC_ERROR : CC_REFRESH;
}

static void bind_keys(EditLine *line)
{
    static const char *const keys[][2] = {
        {"^I", "calr-complete"},
        {"\\e[200~", "calr-paste"},
        {"^R", "em-inc-search-prev"},
        {"\\e[A", "ed-search-prev-history"}, /* of the lines that begin as this one does */
        {"\\e[B", "ed-search-next-history"},
        {"\\eOA", "ed-search-prev-history"},
        {"\\eOB", "ed-search-next-history"},
        {"\\e[H", "ed-move-to-beg"},
        {"\\e[F", "ed-move-to-end"},
        {"\\e[3~", "ed-delete-next-char"},
        {"\\e[1;5D", "ed-prev-word"},
        {"\\e[1;5C", "em-next-word"},
    };
    el_set(line, EL_ADDFN, "calr-complete", "names that can follow", on_complete);
    el_set(line, EL_ADDFN, "calr-paste", "pasted text", on_paste);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        el_set(line, EL_BIND, keys[i][0], keys[i][1], NULL);
}

static void open_editor(lua_State *L)
{
    HistEvent event;
    if (editor.line)
        return;
    editor.history = history_init();
    editor.line = editor.history ? el_init("calr", stdin, stdout, stderr) : NULL;
    if (!editor.line)
        luaL_error(L, "no memory for the line editor");
    history(editor.history, &event, H_SETSIZE, REMEMBERED);
    history(editor.history, &event, H_SETUNIQUE, 1);
    el_set(editor.line, EL_EDITOR, "emacs");
    el_set(editor.line, EL_PROMPT, prompt_of);
    el_set(editor.line, EL_HIST, history, editor.history);
    el_set(editor.line, EL_SIGNAL, 1);
    bind_keys(editor.line);
    el_source(editor.line, NULL); /* ~/.editrc: the user's own keys */
}

/* ---- the functions ---- */

static lua_State *main_state_of(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *main_state = lua_tothread(L, -1);
    lua_pop(L, 1);
    return main_state;
}

/* Asks the terminal to mark what is pasted. */
static void mark_pastes(bool on)
{
    const char *kind = getenv("TERM");
    if (!isatty(STDOUT_FILENO) || !kind || strcmp(kind, "dumb") == 0)
        return;
    fputs(on ? "\033[?2004h" : "\033[?2004l", stdout);
    fflush(stdout);
}

/// calr.host.read_line(prompt [, complete])
/// Reads a line with editing (libedit) and history. Pasted lines stay together. Ctrl-C raises the request to stop.
/// @param complete  function(text before the cursor): returns what Tab inserts there, and what it lists
/// @return string|nil  nil at the end of the input
static int host_read_line(lua_State *L)
{
    snprintf(editor.prompt, sizeof editor.prompt, "%s", luaL_checkstring(L, 1));
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TFUNCTION);
    open_editor(L);
    editor.L = L;
    editor.complete = lua_isnoneornil(L, 2) ? 0 : 2;
    int length = 0;
    /* libedit draws its prompt first: what is typed between that and its own change of the terminal would be taken as
     * the terminal does it without an editor, and Ctrl-D would be lost. */
    el_set(editor.line, EL_PREP_TERM, 1);
    mark_pastes(true);
    calr_host_reads_line(true);
    const char *line = el_gets(editor.line, &length);
    calr_host_reads_line(false);
    mark_pastes(false);
    editor.complete = 0;
    if (calr_interrupt_requested()) {
        el_reset(editor.line);
        lua_sethook(main_state_of(L), NULL, 0, 0); /* or it would raise the error a second time */
        calr_lua_push_interrupt(L);
        return lua_error(L);
    }
    if (!line || length <= 0)
        return 0;
    if (line[length - 1] == '\n')
        length--;
    lua_pushlstring(L, line, (size_t)length);
    return 1;
}

/* Appends a line in the form that libedit reads: what is no visible letter as three octal digits. (Its own H_NSAVE_FP
 * counts differently from version to version.) */
static void append(FILE *file, const char *line)
{
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) == 0)
        fputs("_HiStOrY_V2_\n", file);
    for (; *line; line++) {
        unsigned char c = (unsigned char)*line;
        if (c <= ' ' || c == '\\' || c == 0x7f)
            fprintf(file, "\\%03o", c);
        else
            fputc(c, file);
    }
    fputc('\n', file);
}

/// calr.host.add_history(line)
/// Remembers a line for the arrow keys, and appends it to the file of the history, which no other user can read.
static int host_add_history(lua_State *L)
{
    HistEvent event;
    const char *line = luaL_checkstring(L, 1);
    open_editor(L);
    if (history(editor.history, &event, H_ENTER, line) <= 0 || !editor.path)
        return 0; /* the line before was the same */
    FILE *file = fopen(editor.path, "a");
    if (!file)
        return 0;
    fchmod(fileno(file), S_IRUSR | S_IWUSR);
    append(file, line);
    fclose(file);
    return 0;
}

/// calr.host.open_history(path)
/// Reads the lines of earlier sessions, which may be none, and keeps those of this one there.
static int host_open_history(lua_State *L)
{
    HistEvent event;
    const char *path = luaL_checkstring(L, 1);
    open_editor(L);
    char *copy = strdup(path);
    if (!copy)
        return luaL_error(L, "no memory");
    free(editor.path);
    editor.path = copy;
    /* Appending makes the file grow: once it holds far more than is remembered it is written anew. */
    int lines = history(editor.history, &event, H_LOAD, path);
    if (lines > 4 * REMEMBERED)
        history(editor.history, &event, H_SAVE, path);
    return 0;
}

/* Forgets a request to stop and catches the next. */
static void clear_interrupt(lua_State *L)
{
    lua_State *main_state = main_state_of(L);
    lua_sethook(main_state, NULL, 0, 0);
    calr_interrupt_clear();
    calr_host_catch_signals(main_state);
}

/// calr.host.loop(step, recover)
/// Calls step() until it returns something. After an error, recover(problem) is called, and the loop goes on. Before
/// each step, requests to stop are forgotten. A second Ctrl-C does not end the program, but makes the step stop even
/// where it catches errors. SIGTERM ends the loop. No line of Lua runs outside of this protection.
/// @return any  what step returned
static int host_loop(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    calr_host_keep_running();
    for (;;) {
        clear_interrupt(L);
        lua_settop(L, 2);
        lua_pushvalue(L, 1);
        int status = lua_pcall(L, 0, 1, 0);
        if (calr_interrupt_requested() == SIGTERM) {
            lua_pushinteger(L, 128 + SIGTERM);
            return 1;
        }
        if (status == LUA_OK) {
            if (!lua_isnil(L, -1))
                return 1;
            continue;
        }
        clear_interrupt(L);
        lua_pushvalue(L, 2);
        lua_insert(L, -2);
        lua_pcall(L, 1, 0, 0);
    }
}

static const calr_lua_function functions[] = {
    {"read_line", host_read_line, "prompt [, complete]"},
    {"add_history", host_add_history, "line"},
    {"open_history", host_open_history, "path"},
    {"loop", host_loop, "step, recover"},
    {NULL, NULL, NULL},
};

int luaopen_calr_host(lua_State *L)
{
    setlocale(LC_CTYPE, ""); /* for typed letters beyond ASCII */
    calr_lua_new_module(L, "calr.host.", functions);
    return 1;
}
