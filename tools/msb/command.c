#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/store.h>

#include "option_check.h"
#include "text.h"

int words_add(struct words *words, const char *word)
{
	const char **grown = realloc(words->items, (words->count + 2) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	words->items = grown;
	grown[words->count++] = word;
	grown[words->count] = NULL;
	return 0;
}

void words_done(struct words *words)
{
	free(words->items);
	*words = (struct words){0};
}

struct parsing {
	struct session *session;
	void *input;
};

enum { KEY_ROOT = 0x1000 };

static error_t parse_shared(int key, char *arg, struct argp_state *state)
{
	struct parsing *parsing = state->input;
	char *root;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = parsing->input;
		return 0;
	case KEY_ROOT:
		root = strdup(arg);
		if (!root)
			return ENOMEM;
		free(parsing->session->root);
		parsing->session->root = root;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int command_parse(struct session *session, const struct argp *argp, int argc, char **argv,
		  void *input)
{
	static const struct argp_option shared[] = {
		{"root", KEY_ROOT, "DIR", 0, "The store, if not $MSB_ROOT", -1},
		{0},
	};
	const struct argp_child children[] = {{argp, 0, NULL, 0}, {0}};
	const struct argp whole = {shared, parse_shared, NULL, NULL, children};
	const struct argp_option *const tables[] = {shared, argp->options, NULL};
	struct parsing parsing = {session, input};
	error_t r;

	argp_err_exit_status = STATUS_USAGE;
	option_check(tables, argc, argv);
	r = argp_parse(&whole, argc, argv, 0, NULL, &parsing);
	if (r)
		return fail_say("%s", strerror(r));
	if (!session->root)
		session->root = msb_store_default_root();
	if (!session->root)
		return fail_say("no place for the store: use --root DIR, or set MSB_ROOT or HOME");
	return 0;
}

void operands_take(struct argp_state *state, struct words *ret)
{
	for (; state->next < state->argc; state->next++)
		if (words_add(ret, state->argv[state->next]) < 0)
			argp_failure(state, STATUS_FAILED, ENOMEM, "operands");
}

void operands_check(struct argp_state *state, const struct words *operands, size_t min, size_t max,
		    const char *what)
{
	if (operands->count < min)
		argp_error(state, "%s is missing", what);
	if (max && operands->count > max)
		argp_error(state, "one operand too many: '%s'", operands->items[max]);
}

struct plain_parsing {
	const struct plain_command *command;
	struct words *operands;
};

static error_t parse_plain(int key, char *arg, struct argp_state *state)
{
	const struct plain_parsing *parsing = state->input;
	const struct plain_command *command = parsing->command;

	(void)arg;
	switch (key) {
	case ARGP_KEY_ARGS:
		operands_take(state, parsing->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, parsing->operands, command->min, command->max, command->what);
		return 0;
	default:
		for (size_t i = 0; command->options && command->options[i].name; i++)
			if (command->options[i].key == key)
				return 0;
		return ARGP_ERR_UNKNOWN;
	}
}

int plain_parse(struct session *session, const struct plain_command *command, int argc, char **argv,
		struct words *ret)
{
	const struct argp argp = {command->options, parse_plain, command->usage, command->about};
	struct plain_parsing parsing = {command, ret};

	return command_parse(session, &argp, argc, argv, &parsing);
}

int fail(const struct msb_error *err)
{
	const char *raw = err->text[0] ? err->text : strerror(-err->code);
	/* It may quote names from an archive or a Dockerfile. */
	autofree char *text = text_harmless(raw, strlen(raw));

	return fail_say("%s", text ? text : "out of memory");
}

int fail_say(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("msb: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	fflush(stderr);
	return STATUS_FAILED;
}

int finish(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail_say("write to standard output: %s", strerror(errno));
	return STATUS_DONE;
}

bool option_bool(struct argp_state *state, const char *name, const char *value)
{
	if (!value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		return true;
	if (strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
		argp_error(state, "--%s is true or false, not '%s'", name, value);
	return false;
}

int output_open(const char *path, struct output *ret, struct msb_error *err)
{
	struct output output = {-1, NULL, path};
	struct stat st;

	if (!path || strcmp(path, "-") == 0) {
		if (text_stdout_is_terminal())
			return msb_error_say(err, EINVAL,
					     "an archive does not belong on a terminal: use -o "
					     "FILE, or redirect standard output");
		*ret = (struct output){STDOUT_FILENO, NULL, NULL};
		return 0;
	}
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		output.fd = open(path, O_WRONLY | O_CLOEXEC);
	} else {
		mode_t mask = umask(0);

		umask(mask);
		if (asprintf(&output.temporary, "%s.msb-XXXXXX", path) < 0)
			return msb_error_memory(err);
		output.fd = mkostemp(output.temporary, O_CLOEXEC);
		if (output.fd >= 0)
			(void)!fchmod(output.fd, 0666 & ~mask);
	}
	if (output.fd < 0) {
		int r = msb_error_set(err, errno, "write %s", path);

		free(output.temporary);
		return r;
	}
	*ret = output;
	return 0;
}

int output_close(struct output *output, int r, struct msb_error *err)
{
	if (output->path && close(output->fd) < 0 && r >= 0)
		r = msb_error_set(err, errno, "write %s", output->path);
	if (output->temporary) {
		if (r >= 0 && rename(output->temporary, output->path) < 0)
			r = msb_error_set(err, errno, "write %s", output->path);
		if (r < 0)
			unlink(output->temporary);
		free(output->temporary);
	}
	*output = (struct output){-1, NULL, NULL};
	return r;
}
