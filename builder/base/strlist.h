/* A list of strings that it owns: arguments, environments, names. */
#ifndef STRLIST_H
#define STRLIST_H

#include <stdbool.h>
#include <stddef.h>

struct strlist {
	char **items; /* owned, NULL-terminated as argv is; NULL while empty */
	size_t count;
	size_t capacity;
};

/* All of these copy what they are given; 0 or -ENOMEM. */
int strlist_add(struct strlist *list, const char *text);
int strlist_add_bytes(struct strlist *list, const char *text, size_t length);
int strlist_addf(struct strlist *list, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int strlist_copy(struct strlist *list, const struct strlist *from); /* appends all of from */
void strlist_remove(struct strlist *list, size_t index);
bool strlist_has(const struct strlist *list, const char *text);
void strlist_sort(struct strlist *list); /* bytewise */
void strlist_done(struct strlist *list);

/* The words of somebody else's list, NULL-terminated; NULL is an empty one. */
size_t words_count(const char *const *words);

/* NAME=VALUE lists, as environments are. */
const char *strlist_get_env(const struct strlist *list, const char *name); /* borrowed, or NULL */
/* Replaces the value in place, or appends NAME=VALUE. */
int strlist_set_env(struct strlist *list, const char *name, const char *value);

#define autostrlist __attribute__((cleanup(strlist_done))) struct strlist

#endif
