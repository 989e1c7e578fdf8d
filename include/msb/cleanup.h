/* Acquire into the scope, steal to hand over: the cleanup attribute, spelt once. */
#ifndef MSB_CLEANUP_H
#define MSB_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(release) __attribute__((cleanup(release)))

/* Defines NAMEp() for AUTO(): releases what the variable holds, NULL included. */
#define DEFINE_AUTO(type, release)                                                                 \
	static inline void release##p(type **owner)                                                \
	{                                                                                          \
		release(*owner);                                                                   \
		*owner = NULL;                                                                     \
	}

/* The value of a pointer variable, which holds NULL from now on. */
#define steal(owner)                                                                               \
	({                                                                                         \
		__typeof__(*(owner)) stolen_ = *(owner);                                           \
		*(owner) = NULL;                                                                   \
		stolen_;                                                                           \
	})

/* The same for a file descriptor, which becomes -1. */
#define steal_fd(owner)                                                                            \
	({                                                                                         \
		int stolen_ = *(owner);                                                            \
		*(owner) = -1;                                                                     \
		stolen_;                                                                           \
	})

static inline void cleanup_freep(void *owner)
{
	free(*(void **)owner);
}

/* Keeps errno, so that an early return may still report it. */
static inline void cleanup_closep(int *fd)
{
	int kept = errno;

	if (*fd >= 0)
		close(*fd);
	errno = kept;
}

static inline void cleanup_fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define autofree     AUTO(cleanup_freep)
#define autoclose    AUTO(cleanup_closep)
#define autofclose   AUTO(cleanup_fclosep)
#define autoclosedir AUTO(cleanup_closedirp)

#endif
