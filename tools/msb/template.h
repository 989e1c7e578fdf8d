/*
 * The part of Docker's --format templates that scripts live on: text with {{.Key.Key}} and
 * {{json .Key.Key}} in it, filled in from a JSON value.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <jansson.h>

#include <msb/error.h>

/* Whether format is a template at all. */
int template_is(const char *format);

/* Owned by the caller. -EINVAL with a sentence for what is beyond this, or not there. */
int template_fill(const char *format, json_t *value, char **ret, struct msb_error *err);

#endif
