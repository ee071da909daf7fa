/* What calr asks the operating system for: files written aside, claims, locks, signs of life, processes, terminals. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "os/aside.h"
#include "os/claim.h"
#include "os/clock.h"
#include "os/descriptor.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/heartbeat.h"
#include "os/lock.h"
#include "os/process.h"
#include "os/terminal.h"

static char scratch[] = "/tmp/calr-os-XXXXXX";

/* Sixteen names may be in use at once by each thread: rivals for a claim ask for names too. */
static const char *in_scratch(const char *name)
{
    static _Thread_local char path[16][300];
    static _Thread_local int turn;
    turn = (turn + 1) % 16;
    snprintf(path[turn], sizeof path[turn], "%s/%s", scratch, name);
    return path[turn];
}

static void write_text(const char *path, const char *text)
{
    CHECK_OK(calr_file_write(path, text, strlen(text)));
}

static void check_text(const char *path, const char *expected)
{
    void *data = NULL;
    size_t size = 0;
    CHECK_OK(calr_file_read(path, &data, &size));
    CHECK_INT(size, strlen(expected));
    CHECK_STRING(data, expected);
    free(data);
}

static size_t names_in(const char *path)
{
    calr_folder_names names;
    CHECK_OK(calr_folder_list(path, &names));
    size_t count = names.count;
    calr_folder_names_release(&names);
    return count;
}

static void a_file_is_whole_or_absent(void)
{
    const char *path = in_scratch("whole");
    calr_file_writer *writer;
    CHECK_OK(calr_file_writer_new(path, &writer));
    CHECK_OK(calr_file_writer_write(writer, "half", 4));
    CHECK(!calr_file_exists(path));
    calr_file_writer_abort(writer);
    CHECK(!calr_file_exists(path));
    CHECK_INT(names_in(scratch), 0);
    write_text(path, "old");
    CHECK_OK(calr_file_writer_new(path, &writer));
    CHECK_OK(calr_file_writer_write(writer, "new", 3));
    check_text(path, "old");
    CHECK_OK(calr_file_writer_commit(writer));
    check_text(path, "new");
    CHECK_INT(names_in(scratch), 1);
    CHECK_FAILS(calr_file_writer_new(scratch, &writer), CALR_EINVAL, "is a folder");
    CHECK_FAILS(calr_file_write(in_scratch("no/such/folder"), "x", 1), CALR_ENOTFOUND,
                "cannot write");
    CHECK_OK(calr_folder_remove(path));
}

static void parts_of_a_file(void)
{
    const char *path = in_scratch("part");
    write_text(path, "0123456789");
    void *data = NULL;
    size_t size = 9;
    CHECK_OK(calr_file_read_from(path, 4, 3, &data, &size));
    CHECK(size == 3 && data && memcmp(data, "456", 3) == 0);
    free(data);
    CHECK_OK(calr_file_read_from(path, 10, 3, &data, &size));
    CHECK(size == 0 && !data);
    CHECK_OK(calr_file_read_from(path, INT64_MAX, SIZE_MAX, &data, &size));
    CHECK(size == 0 && !data);
    CHECK_FAILS(calr_file_read_from(in_scratch("absent"), 0, 1, &data, &size), CALR_ENOTFOUND,
                "absent");
    CHECK_FAILS(calr_file_read_from(in_scratch("part/x"), 0, 1, &data, &size), CALR_EIO,
                "Not a directory");
    CHECK_FAILS(calr_file_read(scratch, &data, &size), CALR_EIO, "is a folder");
    CHECK_OK(calr_file_truncate(path, 2));
    check_text(path, "01");
    CHECK_OK(calr_folder_remove(path));
}

static void adding_to_a_file(void)
{
    const char *path = in_scratch("log");
    int fd = -1;
    int64_t size = -1;
    CHECK_OK(calr_append_open(path, false, &fd));
    CHECK_OK(calr_append_write(fd, path, "one\n", 4));
    CHECK_OK(calr_append_write(fd, path, "", 0));
    CHECK_OK(calr_append_write(fd, path, "two\n", 4));
    CHECK_OK(calr_append_sync(fd, path));
    CHECK_OK(calr_append_size(fd, path, &size));
    CHECK_INT(size, 8);
    close(fd);
    check_text(path, "one\ntwo\n");
    CHECK_OK(calr_folder_remove(path));
    CHECK_OK(calr_append_open("/dev/full", true, &fd));
    CHECK_FAILS(calr_append_write(fd, "/dev/full", "x", 1), CALR_ENOSPC, "cannot write /dev/full");
    close(fd);
}

/* What a folder of somebody else's may hold in the place of our files. */
static void links_are_not_followed(void)
{
    const char *link = in_scratch("link"), *target = in_scratch("target");
    write_text(target, "precious");
    CHECK_INT(symlink(target, link), 0);
    int fd = -1;
    char holder[CALR_LOCK_HOLDER];
    calr_heartbeat *heart = NULL;
    CHECK_FAILS(calr_append_open(link, false, &fd), CALR_EINVAL, "is a symbolic link");
    CHECK_FAILS(calr_file_truncate(link, 0), CALR_EINVAL, "is a symbolic link");
    CHECK_FAILS(calr_lock_take(link, &fd, holder), CALR_EINVAL, "is a symbolic link");
    CHECK_FAILS(calr_heartbeat_new(link, 1, -1, &heart), CALR_EINVAL, "is a symbolic link");
    check_text(target, "precious");
    write_text(link, "new"); /* the link is replaced, not written through */
    check_text(target, "precious");
    CHECK(!calr_path_is_link(link));
    CHECK_OK(calr_folder_remove(link));
    CHECK_INT(symlink(target, link), 0);
    CHECK(calr_path_is_link(link) && !calr_path_is_link(target));
    CHECK_OK(calr_append_open(link, true, &fd));
    close(fd);
    CHECK_OK(calr_folder_remove(link));
    CHECK_OK(calr_folder_remove(target));
}

static void folders(void)
{
    CHECK_OK(calr_folder_make(in_scratch("a/b/c")));
    CHECK_OK(calr_folder_make(in_scratch("a/b/c")));
    CHECK(calr_folder_exists(in_scratch("a/b")));
    write_text(in_scratch("a/z"), "");
    write_text(in_scratch("a/B"), "12");
    CHECK_FAILS(calr_folder_make(in_scratch("a/z/x")), CALR_EEXIST, "cannot make the folder");
    calr_folder_names names;
    CHECK_OK(calr_folder_list(in_scratch("a"), &names));
    CHECK_INT(names.count, 3);
    for (size_t i = 0; i < names.count; i++)
        CHECK_STRING(names.name[i], ((const char *[]){"B", "b", "z"})[i]);
    calr_folder_names_release(&names);
    CHECK_FAILS(calr_folder_list(in_scratch("a/z"), &names), CALR_ENOTFOUND, "Not a directory");
    CHECK_INT(names_in(in_scratch("a/b/c")), 0);
    calr_path_info info;
    CHECK_OK(calr_path_look(in_scratch("a/B"), &info));
    CHECK(info.kind == CALR_PATH_FILE && info.size == 2 && info.owner == calr_path_user());
    CHECK(fabs(info.changed - calr_clock_date()) < 100);
    CHECK_OK(calr_path_look(in_scratch("a"), &info));
    CHECK_INT(info.kind, CALR_PATH_FOLDER);
    CHECK_FAILS(calr_path_look(in_scratch("a/B/under"), &info), CALR_ENOTFOUND, "under");
    char *real = NULL;
    CHECK_OK(calr_path_absolute(in_scratch("a/b/../B"), &real));
    CHECK_STRING(real, in_scratch("a/B"));
    free(real);
    CHECK_OK(calr_folder_rename(in_scratch("a/B"), in_scratch("a/z")));
    check_text(in_scratch("a/z"), "12");
    CHECK_FAILS(calr_folder_remove(in_scratch("a")), CALR_EIO, "cannot remove");
    for (int i = 0; i < 4; i++)
        CHECK_OK(calr_folder_remove(in_scratch(((const char *[]){"a/z", "a/b/c", "a/b", "a"})[i])));
}

static void stale_files_aside_go(void)
{
    const char *path = in_scratch("set");
    char *mine, *other;
    CHECK_OK(calr_aside_name(path, &mine));
    CHECK_OK(calr_aside_unique(path, &other));
    CHECK(strcmp(mine, other) != 0);
    write_text(mine, "locked");
    write_text(in_scratch("set.tmp-99999"), "stale");
    write_text(in_scratch("set.tmp-x"), "no writer's");
    write_text(in_scratch("settle.tmp-99999"), "another name's");
    int fd = open(mine, O_RDWR);
    CHECK_INT(calr_descriptor_lock(fd), 0);
    calr_aside_remove_stale(path);
    CHECK(calr_file_exists(mine));
    CHECK(!calr_file_exists(in_scratch("set.tmp-99999")));
    CHECK(calr_file_exists(in_scratch("set.tmp-x")));
    CHECK(calr_file_exists(in_scratch("settle.tmp-99999")));
    CHECK_OK(calr_aside_publish(mine, path));
    check_text(path, "locked");
    CHECK_FAILS(calr_aside_publish(mine, path), CALR_ENOTFOUND, "cannot rename");
    close(fd);
    calr_aside_remove_stale("/no/such/folder/name");
    for (int i = 0; i < 3; i++)
        calr_folder_remove(
            in_scratch(((const char *[]){"set", "set.tmp-x", "settle.tmp-99999"})[i]));
    free(mine);
    free(other);
}

static void one_holds_the_lock(void)
{
    const char *path = in_scratch("lock");
    int first = -1, second = -1;
    char holder[CALR_LOCK_HOLDER], expected[CALR_LOCK_HOLDER];
    CHECK_OK(calr_lock_take(path, &first, holder));
    CHECK_FAILS(calr_lock_take(path, &second, holder), CALR_EBUSY, "holds the lock");
    snprintf(expected, sizeof expected, "%ld", (long)getpid());
    CHECK_STRING(holder, expected);
    CHECK_INT(second, -1);
    close(first);
    CHECK_OK(calr_lock_take(path, &second, holder));
    close(second);
    CHECK_OK(calr_folder_remove(path));
}

enum { RIVALS = 8 };

static void *claim_as_rival(void *made)
{
    if (calr_claim_new(in_scratch("claim"), "mine", 4, made) != CALR_OK)
        *(bool *)made = false;
    return NULL;
}

static void one_gets_the_claim(void)
{
    pthread_t rival[RIVALS];
    bool made[RIVALS];
    int winners = 0;
    for (int i = 0; i < RIVALS; i++)
        pthread_create(&rival[i], NULL, claim_as_rival, &made[i]);
    for (int i = 0; i < RIVALS; i++) {
        pthread_join(rival[i], NULL);
        winners += made[i];
    }
    CHECK_INT(winners, 1);
    check_text(in_scratch("claim"), "mine");
    CHECK_INT(names_in(scratch), 1);
    calr_claim result;
    CHECK_OK(calr_claim_link(in_scratch("claim"), in_scratch("second"), &result));
    CHECK_INT(result, CALR_CLAIM_MADE);
    CHECK_OK(calr_claim_link(in_scratch("claim"), in_scratch("second"), &result));
    CHECK_INT(result, CALR_CLAIM_MADE); /* its own name: the answer may have been lost */
    write_text(in_scratch("other"), "");
    CHECK_OK(calr_claim_link(in_scratch("other"), in_scratch("second"), &result));
    CHECK_INT(result, CALR_CLAIM_TAKEN);
    struct stat here, there;
    if (stat(scratch, &here) == 0 && stat("/dev/shm", &there) == 0 && here.st_dev != there.st_dev) {
        CHECK_OK(calr_claim_link(in_scratch("other"), "/dev/shm/calr-test-os", &result));
        CHECK_INT(result, CALR_CLAIM_IMPOSSIBLE);
    }
    CHECK_FAILS(calr_claim_link(in_scratch("absent"), in_scratch("third"), &result), CALR_ENOTFOUND,
                "third");
    for (int i = 0; i < 3; i++)
        CHECK_OK(calr_folder_remove(in_scratch(((const char *[]){"claim", "second", "other"})[i])));
}

static void a_heart_beats(void)
{
    const char *path = in_scratch("beat");
    calr_heartbeat *heart = NULL;
    calr_pulse pulse;
    CHECK_FAILS(calr_pulse_read(path, &pulse), CALR_ENOTFOUND, "cannot read");
    CHECK_OK(calr_heartbeat_new(path, 0.001, -1, &heart));
    CHECK_OK(calr_pulse_read(path, &pulse));
    CHECK(pulse.count >= 1 && pulse.known && pulse.alive);
    for (int i = 0; i < 5000 && calr_heartbeat_count(heart) < 5; i++)
        usleep(1000);
    CHECK(calr_heartbeat_count(heart) >= 5);
    CHECK_OK(calr_heartbeat_problem(heart));
    calr_heartbeat *second =
        NULL; /* the lock is never given up: to wait for it would be for ever */
    CHECK_FAILS(calr_heartbeat_new(path, 1, -1, &second), CALR_EBUSY, "beat is locked");
    CHECK(!second);
    calr_interrupt_request(SIGINT);
    CHECK_FAILS(calr_heartbeat_new(path, 1, -1, &second), CALR_EINTERRUPTED, "interrupted");
    calr_interrupt_clear();
    calr_heartbeat_free(heart);
    CHECK_OK(calr_pulse_read(path, &pulse));
    CHECK(pulse.count >= 5 && pulse.known && !pulse.alive);
    write_text(path, "no pulse");
    CHECK_FAILS(calr_pulse_read(path, &pulse), CALR_ENOTFOUND, "no sign of life");
    CHECK_FAILS(calr_heartbeat_new("/no/such/file", 1, -1, &heart), CALR_ENOTFOUND, "/no/such");
    CHECK_OK(calr_folder_remove(path));
}

/* Runs `sh -c script` to its end. */
static int run_shell(const char *script, const char *const *environment, const char *output,
                     int *signal)
{
    const char *command[] = {"sh", "-c", script, NULL};
    calr_process_options options = {command, environment, output, output};
    calr_process *process = NULL;
    int status = -1;
    *signal = -1;
    CHECK_OK(calr_process_start(&options, &process));
    if (!process)
        return -1;
    CHECK(calr_process_wait(process, INFINITY, &status, signal));
    CHECK(!calr_process_kill(process, SIGTERM)); /* its number may be another's by now */
    calr_process_free(process);
    return status;
}

static void processes(void)
{
    int signal;
    CHECK_INT(run_shell("exit 7", NULL, NULL, &signal), 7);
    CHECK_INT(signal, 0);
    CHECK_INT(run_shell("kill -9 $$", NULL, NULL, &signal), 137);
    CHECK_INT(signal, 9);
    const char *output = in_scratch("output"), *environment[] = {"WORD=hello", NULL};
    CHECK_INT(
        run_shell("echo $WORD; echo bad >&2; read x; echo \"<$x>\"", environment, output, &signal),
        0);
    check_text(output, "hello\nbad\n<>\n");
    CHECK_OK(calr_folder_remove(output));
    calr_process *process = NULL;
    calr_process_options options = {(const char *[]){"/no/such/program", NULL}, NULL, NULL, NULL};
    CHECK_FAILS(calr_process_start(&options, &process), CALR_ENOTFOUND, "cannot start /no/such");
    options = (calr_process_options){(const char *[]){"sleep", "30", NULL}, NULL, NULL, NULL};
    CHECK_OK(calr_process_start(&options, &process));
    int status;
    CHECK(!calr_process_wait(process, 0, &status, &signal));
    CHECK(calr_process_pid(process) > 0);
    calr_interrupt_request(SIGINT); /* a request to stop ends the waiting */
    CHECK(!calr_process_wait(process, INFINITY, &status, &signal));
    calr_interrupt_clear();
    CHECK(calr_process_kill(process, SIGTERM));
    CHECK(calr_process_wait(process, INFINITY, &status, &signal));
    CHECK_INT(status, 128 + SIGTERM);
    calr_process_free(process);
}

static void clocks(void)
{
    double before = calr_clock_now();
    calr_clock_sleep(0.02);
    CHECK(calr_clock_now() - before >= 0.02);
    calr_clock_sleep(0);
}

static void the_terminal(void)
{
    int columns, lines, in = dup(STDIN_FILENO), terminal = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    int end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    struct winsize size = {.ws_col = 123, .ws_row = 45};
    CHECK_INT(ioctl(end, TIOCSWINSZ, &size), 0);
    calr_terminal_size(end, &columns, &lines);
    CHECK(columns == 123 && lines == 45);
    setenv("COLUMNS", "77", 1);
    setenv("LINES", "-3", 1);
    calr_terminal_size(-1, &columns, &lines);
    CHECK(columns == 77 && lines == 24);
    calr_terminal_keys *keys = NULL;
    int file = open("/dev/null", O_RDONLY);
    dup2(file, STDIN_FILENO);
    CHECK_FAILS(calr_terminal_keys_new(&keys), CALR_EIO, "cannot read keys");
    dup2(end, STDIN_FILENO);
    CHECK_OK(calr_terminal_keys_new(&keys));
    char buffer[8];
    CHECK_INT(calr_terminal_keys_read(keys, 0, buffer, sizeof buffer), -1);
    CHECK_INT(write(terminal, "q\3", 2), 2);
    CHECK_INT(calr_terminal_keys_read(keys, 5, buffer, sizeof buffer), 2);
    CHECK(buffer[0] == 'q' && buffer[1] == 3);
    calr_terminal_keys_free(keys);
    dup2(in, STDIN_FILENO);
    close(in);
    close(file);
    close(end);
    close(terminal);
}

int main(void)
{
    if (!mkdtemp(scratch))
        return 1;
    RUN(a_file_is_whole_or_absent);
    RUN(parts_of_a_file);
    RUN(adding_to_a_file);
    RUN(links_are_not_followed);
    RUN(folders);
    RUN(stale_files_aside_go);
    RUN(one_holds_the_lock);
    RUN(one_gets_the_claim);
    RUN(a_heart_beats);
    RUN(processes);
    RUN(clocks);
    RUN(the_terminal);
    CHECK_INT(names_in(scratch), 0);
    calr_folder_remove(scratch);
    return check_finish();
}
