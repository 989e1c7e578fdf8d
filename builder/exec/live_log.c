#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "io.h"
#include "live_log.h"
#include "step_log.h"

#define NAME_SIZE 96

void live_build_begin(const struct build *build)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof(name), LIVE_BUILD, (long long)build->record.id);
	io_write_file(store_writer_scratch(build->writer), name, "", 0, 0600, NULL);
}

static void name_of(const struct step_run *run, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, LIVE_LOG, (long long)run->build->record.id,
		 run->stage->plan->index, run->step->number);
}

int live_log_begin(const struct step_run *run)
{
	autofree char *heading =
		buffer_format("[%s %zu/%zu] %s", run->stage->plan->label, run->step->number,
			      run->stage->plan->step_count, run->step->expanded);
	char name[NAME_SIZE];
	int fd;

	if (!heading)
		return -1;
	for (char *c = heading; *c; c++)
		if (*c == '\n')
			*c = ' ';
	name_of(run, name);
	fd = openat(store_writer_scratch(run->build->writer), name,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		(void)!io_write(fd, heading, strlen(heading));
		(void)!io_write(fd, "\n", 1);
	}
	return fd;
}

void live_log_put(int fd, int stream, uint64_t ms, const char *bytes, size_t size)
{
	autobuffer piece = {0};

	if (fd < 0)
		return;
	step_log_mark(&piece, stream, ms, size);
	buffer_append(&piece, bytes, size);
	if (buffer_ok(&piece))
		(void)!io_write(fd, piece.bytes, piece.size);
}

void live_log_end(const struct step_run *run, int fd)
{
	char name[NAME_SIZE];

	if (fd < 0)
		return;
	name_of(run, name);
	unlinkat(store_writer_scratch(run->build->writer), name, 0);
	close(fd);
}
