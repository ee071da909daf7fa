#include "os/terminal.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/interrupt.h"

static int env_number(const char *name, int fallback)
{
    const char *text = getenv(name);
    long value = text ? strtol(text, NULL, 10) : 0;
    return value > 0 && value <= 1000 ? (int)value : fallback;
}

void calr_terminal_size(int fd, int *columns, int *lines)
{
    struct winsize size = {0};
    int known = ioctl(fd, TIOCGWINSZ, &size) == 0;
    *columns = known && size.ws_col > 0 ? size.ws_col : env_number("COLUMNS", 80);
    *lines = known && size.ws_row > 0 ? size.ws_row : env_number("LINES", 24);
}

struct calr_terminal_keys {
    struct termios before;
};

calr_status calr_terminal_keys_new(calr_terminal_keys **out)
{
    static const char *const what = "cannot read keys from the standard input";
    calr_terminal_keys *keys = malloc(sizeof *keys);
    if (!keys)
        return calr_error(CALR_ENOMEM, "no memory to read keys");
    if (tcgetattr(STDIN_FILENO, &keys->before) != 0) {
        int error = errno;
        free(keys);
        return calr_error_system(error, "%s", what);
    }
    struct termios raw = keys->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) {
        int error = errno;
        free(keys);
        return calr_error_system(error, "%s", what);
    }
    *out = keys;
    return CALR_OK;
}

long calr_terminal_keys_read(calr_terminal_keys *keys, double seconds, char *buffer, size_t room)
{
    (void)keys; /* they are open: that is what the argument says */
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (calr_interrupt_requested() || poll(&input, 1, (int)ceil(1000 * seconds)) <= 0)
        return -1;
    ssize_t size = read(STDIN_FILENO, buffer, room);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return -1;
    return size > 0 ? (long)size : 0;
}

void calr_terminal_keys_free(calr_terminal_keys *keys)
{
    if (keys)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &keys->before);
    free(keys);
}
