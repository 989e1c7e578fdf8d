#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "io.h"
#include "secrets.h"
#include "strlist.h"

#define MAX_SECRET (500u * 1024)

struct secret {
	char *id, *file, *variable; /* owned; NULL: not given */
	char *type;
};

static void secret_done(struct secret *secret)
{
	free(secret->id);
	free(secret->file);
	free(secret->variable);
	free(secret->type);
}

static int parse(const char *text, struct secret *ret, struct msb_error *err)
{
	autofree char *copy = strdup(text);
	char *rest = copy, *field;

	*ret = (struct secret){0};
	if (!copy)
		return msb_error_memory(err);
	while ((field = strsep(&rest, ","))) {
		char *value = strchr(field, '=');
		char **place = NULL;

		if (value)
			*value++ = '\0';
		if (strcmp(field, "id") == 0)
			place = &ret->id;
		else if (strcmp(field, "src") == 0 || strcmp(field, "source") == 0)
			place = &ret->file;
		else if (strcmp(field, "env") == 0)
			place = &ret->variable;
		else if (strcmp(field, "type") == 0)
			place = &ret->type;
		if (!place || !value)
			return msb_error_say(err, EINVAL,
					     "--secret %s: expected id=NAME[,src=FILE|,env=NAME]",
					     text);
		free(*place);
		*place = strdup(value);
		if (!*place)
			return msb_error_memory(err);
	}
	if (!ret->id || !*ret->id)
		return msb_error_say(err, EINVAL, "--secret %s: no id=NAME", text);
	return 0;
}

static bool is_variable(const struct secret *secret)
{
	return secret->type && strcmp(secret->type, "env") == 0;
}

/* The variable that holds the secret; NULL where a file does. Borrowed. */
static const char *variable_of(const struct secret *secret)
{
	if (secret->variable)
		return secret->variable;
	if (is_variable(secret))
		return secret->file ? secret->file : secret->id;
	return !secret->file && getenv(secret->id) ? secret->id : NULL;
}

static const char *file_of(const struct secret *secret)
{
	return secret->file ? secret->file : secret->id;
}

/* A variable that is not set is an empty secret, as with docker. */
static int read_secret(const struct secret *secret, struct buffer *ret, struct msb_error *err)
{
	const char *variable = variable_of(secret), *value;

	if (!variable)
		return io_read_file(AT_FDCWD, file_of(secret), MAX_SECRET, ret, err);
	value = getenv(variable);
	buffer_string(ret, value ? value : "");
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}

int secret_find(const char *const *secrets, const char *id, struct buffer *ret,
		struct msb_error *err)
{
	size_t count = 0;

	while (secrets && secrets[count])
		count++;
	/* Of several with this name the last counts. */
	while (count-- > 0) {
		AUTO(secret_done) struct secret secret;
		int r = parse(secrets[count], &secret, err);

		if (r < 0)
			return r;
		if (strcmp(secret.id, id) != 0)
			continue;
		r = read_secret(&secret, ret, err);
		/* It was given: not being readable is never "not there". */
		return r == -ENOENT ? msb_error_prefix(err, -EINVAL, "secret '%s'", id) : r;
	}
	return msb_error_say(err, ENOENT, "secret '%s' was not given; pass --secret id=%s,src=FILE",
			     id, id);
}

int secrets_check(const char *const *secrets, struct strlist *ret_notes, struct msb_error *err)
{
	int r = 0;

	for (; r >= 0 && secrets && *secrets; secrets++) {
		AUTO(secret_done) struct secret secret;
		const char *variable;

		r = parse(*secrets, &secret, err);
		if (r < 0)
			return r;
		variable = variable_of(&secret);
		if (variable && !getenv(variable))
			r = strlist_addf(ret_notes,
					 "secret '%s' is empty: the variable %s is not set",
					 secret.id, variable) < 0
				    ? msb_error_memory(err)
				    : 0;
		else if (!variable && access(file_of(&secret), R_OK) < 0)
			r = msb_error_set(err, errno, "--secret %s: read '%s'", *secrets,
					  file_of(&secret));
	}
	return r;
}
