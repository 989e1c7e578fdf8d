/*
 * Shared libraries that are loaded when they are first needed: what few commands use must not cost
 * the start of all of them. Each has one home, which keeps its functions in a table like this:
 *
 *	#define FOO_FUNCTIONS(each) each(open) each(close)
 *	struct libfoo { FOO_FUNCTIONS(FOO_MEMBER) };     #define FOO_MEMBER(name) typeof(foo_##name)
 **name;
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <msb/error.h>

struct library_function {
	const char *name;
	void *place; /* of the pointer to it */
};

struct library {
	const char *name;         /* for people: "libcurl" */
	const char *const *files; /* any of them will do: "libcurl.so.4"; NULL-terminated */
	const struct library_function *functions;
	size_t count;
	pthread_mutex_t lock;
	bool loaded; /* guarded by lock */
};

/* Fills in the pointers, the first time; it stays loaded. -ELIBACC with a sentence where it is
 * missing, or lacks a function. */
int library_load(struct library *library, struct msb_error *err);

#endif
