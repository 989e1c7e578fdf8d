/* Descriptors as sources and sinks. */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "io.h"
#include "layer.h"

static ssize_t read_fd(void *context, void *bytes, size_t size, struct msb_error *err)
{
	const int *fd = context;
	ssize_t n;

	do
		n = read(*fd, bytes, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? msb_error_set(err, errno, "read the archive") : n;
}

static int write_fd(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	int r = io_write(*(const int *)context, bytes, size);

	return r < 0 ? msb_error_set(err, r, "write the archive") : 0;
}

/* The contexts of sources and sinks are not const; these two only look there. */
static void *as_context(const int *fd)
{
	return (void *)(uintptr_t)fd;
}

struct layer_source layer_source_fd(const int *fd)
{
	return (struct layer_source){read_fd, as_context(fd)};
}

struct layer_sink layer_sink_fd(const int *fd)
{
	return (struct layer_sink){write_fd, as_context(fd)};
}
