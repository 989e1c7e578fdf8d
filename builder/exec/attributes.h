/* "type=local,dest=out": an option's value as a record of comma-separated fields (RFC 4180: a field
 * in double quotes may hold commas). */
#ifndef ATTRIBUTES_H
#define ATTRIBUTES_H

#include <msb/error.h>

#include "strlist.h"

/* option names the place in messages: "--output". Each field becomes an item "key=value", the key
 * in lower case; one without "=" keeps its word alone. -EINVAL for quotes that do not match. */
int attributes_parse(const char *option, const char *text, struct strlist *ret,
		     struct msb_error *err);

/* The value when item's key is this one ("" for a word alone); NULL otherwise. Borrowed. */
const char *attribute_value(const char *item, const char *key);
/* Keeps a copy of the value in the place of what was there, which is freed. */
int attribute_keep(char **owned, const char *value, struct msb_error *err);

#endif
