/* --secret: what the caller lends to single commands. */
#ifndef SECRETS_H
#define SECRETS_H

#include <msb/error.h>

#include "buffer.h"

/*
 * The secret named id among "id=…[,src=FILE][,env=NAME][,type=file|env]" words. Without a source it
 * is the variable of that name, else the file of that name. -ENOENT where nobody gave it.
 */
int secret_find(const char *const *secrets, const char *id, struct buffer *ret,
		struct msb_error *err);

/* Refuses malformed words before anything runs. -EINVAL. */
int secrets_check(const char *const *secrets, struct msb_error *err);

#endif
