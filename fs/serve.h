/* One mount, from mount(2) to the end. */
#ifndef SERVE_H
#define SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/error.h>

/* A sentence of the log. Called by several threads. */
typedef void serve_log_fn(const char *sentence);

struct serve_options {
	const char *program; /* argv[0] */
	const char *store;
	const char *mountpoint;
	char *mount_options; /* for libfuse and the kernel, comma-separated */
	size_t cache_bytes;
	bool verify; /* large files, too */
	bool no_xattrs;
	bool handles;      /* answer file handles */
	bool no_ring;      /* not even where the kernel offers it */
	serve_log_fn *log; /* where the log goes; NULL: to syslog */
	const char *fetch; /* msb's path, which brings what is in a registry; NULL: nobody does */
	bool autopull;     /* images that are asked for by name */
	int control;       /* -1: none. Its other end's closing ends the mount */
	int ready;         /* -1: none. A byte is written when the mount answers */
	bool detach;       /* once ready, let go of the terminal */
};

/* Returns when the mount has ended. */
int serve(const struct serve_options *options, struct msb_error *err);

#endif
