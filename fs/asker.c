#include "asker.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "io.h"

/* Far more than a process's status has. */
#define STATUS_MAX ((size_t)64 * 1024)

/* A set of signals, as a line of its own says: "\nSigBlk:\t0000000000010000". */
static uint64_t signals(const char *status, const char *line)
{
	const char *found = strstr(status, line);

	return found ? strtoull(found + strlen(line), NULL, 16) : 0;
}

bool asker_is_called(pid_t thread)
{
	autobuffer status = {0};
	autofree char *text = NULL;
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/status", (int)thread);
	if (thread <= 0 || io_read_file(AT_FDCWD, name, STATUS_MAX, &status, NULL) < 0)
		return false;
	text = buffer_text(&status);
	return text && ((signals(text, "\nSigPnd:") | signals(text, "\nShdPnd:")) &
			~signals(text, "\nSigBlk:")) != 0;
}
