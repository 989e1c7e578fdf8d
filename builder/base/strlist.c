#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "strlist.h"

/* Takes text, which may be NULL for "out of memory". */
static int add_owned(struct strlist *list, char *text)
{
	autofree char *owned = text;

	if (!owned)
		return -ENOMEM;
	if (list->count + 1 >= list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 8;
		char **items = reallocarray(list->items, capacity, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = steal(&owned);
	list->items[list->count] = NULL;
	return 0;
}

int strlist_add(struct strlist *list, const char *text)
{
	return add_owned(list, strdup(text));
}

int strlist_add_bytes(struct strlist *list, const char *text, size_t length)
{
	return add_owned(list, strndup(text, length));
}

int strlist_addf(struct strlist *list, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	text = buffer_vformat(format, args);
	va_end(args);
	return add_owned(list, text);
}

int strlist_copy(struct strlist *list, const struct strlist *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (strlist_add(list, from->items[i]) < 0)
			return -ENOMEM;
	return 0;
}

void strlist_remove(struct strlist *list, size_t index)
{
	free(list->items[index]);
	memmove(list->items + index, list->items + index + 1,
		(list->count - index) * sizeof(*list->items));
	list->count--;
}

bool strlist_has(const struct strlist *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strlist_sort(struct strlist *list)
{
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(*list->items), compare);
}

void strlist_done(struct strlist *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct strlist){0};
}

size_t words_count(const char *const *words)
{
	size_t count = 0;

	while (words && words[count])
		count++;
	return count;
}

static char **find_env(const struct strlist *list, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < list->count; i++)
		if (strncmp(list->items[i], name, length) == 0 && list->items[i][length] == '=')
			return &list->items[i];
	return NULL;
}

const char *strlist_get_env(const struct strlist *list, const char *name)
{
	char **found = find_env(list, name);

	return found ? *found + strlen(name) + 1 : NULL;
}

int strlist_set_env(struct strlist *list, const char *name, const char *value)
{
	char **found = find_env(list, name);
	char *text;

	if (!found)
		return strlist_addf(list, "%s=%s", name, value);
	text = buffer_format("%s=%s", name, value);
	if (!text)
		return -ENOMEM;
	free(*found);
	*found = text;
	return 0;
}
