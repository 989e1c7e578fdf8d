/* --secret: what the caller lends to single commands. */
#ifndef SECRETS_H
#define SECRETS_H

#include <msb/error.h>

#include "buffer.h"
#include "strlist.h"

/*
 * The secret named id among "id=…[,src=FILE][,env=NAME][,type=file|env]" words. Without a source it
 * is the variable of that name, else the file of that name. -ENOENT where nobody gave it; empty
 * where its variable is not set.
 */
int secret_find(const char *const *secrets, const char *id, struct buffer *ret,
		struct msb_error *err);

/* Refuses malformed words, and files that cannot be read, before anything runs. ret_notes: a
 * sentence for each secret that is empty because its variable is not set; added to. */
int secrets_check(const char *const *secrets, struct strlist *ret_notes, struct msb_error *err);

#endif
