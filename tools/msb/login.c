/* msb login, msb logout: who somebody is to a registry. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <msb/builder.h>

#include "command.h"

#define HUB         "https://index.docker.io/v1/"
#define LONGEST_KEY ((size_t)64 * 1024)

enum { KEY_STDIN = 0x100 };

struct login {
	struct words operands;
	const char *user, *password;
	bool from_stdin;
};

static error_t parse_login(int key, char *arg, struct argp_state *state)
{
	struct login *login = state->input;

	switch (key) {
	case 'u':
		login->user = arg;
		return 0;
	case 'p':
		login->password = arg;
		return 0;
	case KEY_STDIN:
		login->from_stdin = true;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &login->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &login->operands, 0, 1, "a registry");
		if (login->from_stdin && login->password)
			argp_error(state, "--password and --password-stdin exclude each other");
		if (login->from_stdin && !login->user)
			argp_error(state, "--password-stdin wants --username");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void cut_line_end(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		text[--length] = '\0';
}

/* All of standard input, without the end of its last line. */
static int read_password(char *password, size_t size)
{
	size_t length = fread(password, 1, size - 1, stdin);

	if (ferror(stdin) || length == size - 1)
		return fail_say("standard input holds no password");
	password[length] = '\0';
	cut_line_end(password);
	return 0;
}

/* Asks on the terminal; what is typed is shown or not. */
static int prompt(const char *question, bool shown, char *answer, size_t size)
{
	struct termios before, silent;
	bool hides;
	const char *line;

	if (!isatty(STDIN_FILENO))
		return fail_say("there is no terminal to ask on: use --username and "
				"--password-stdin");
	fprintf(stderr, "%s: ", question);
	fflush(stderr);
	hides = !shown && tcgetattr(STDIN_FILENO, &before) == 0;
	if (!shown && !hides)
		return fail_say("the terminal cannot hide what is typed: use --password-stdin");
	if (hides) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0)
			return fail_say("the terminal cannot hide what is typed: use "
					"--password-stdin");
	}
	line = fgets(answer, (int)size, stdin);
	if (hides) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (!line)
		return fail_say("nothing was typed");
	cut_line_end(answer);
	return 0;
}

static int find_password(const struct login *login, char *password, size_t size)
{
	if (login->from_stdin)
		return read_password(password, size);
	if (!login->password)
		return prompt("Password", false, password, size);
	fprintf(stderr, "msb: warning: everybody on this host can see --password; use "
			"--password-stdin\n");
	if (strlen(login->password) >= size)
		return fail_say("the password is too long");
	strcpy(password, login->password);
	return 0;
}

static int login_with(const char *server, const struct login *login, char *password, size_t size)
{
	struct msb_error err = {0};
	char user[256];

	if (login->user && strlen(login->user) >= sizeof(user))
		return fail_say("the user name is too long");
	if (login->user)
		strcpy(user, login->user);
	else if (prompt("Username", true, user, sizeof(user)))
		return STATUS_FAILED;
	if (find_password(login, password, size))
		return STATUS_FAILED;
	if (msb_login(server, user, password, &err) < 0)
		return fail(&err);
	printf("Login Succeeded\n");
	return finish();
}

int run_login(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"username", 'u', "USER", 0, "Instead of asking"},
		{"password", 'p', "PASSWORD", 0, "Instead of asking; others can see it"},
		{"password-stdin", KEY_STDIN, NULL, 0, "Read the password from standard input"},
		{0},
	};
	static const struct argp argp = {options, parse_login, "[REGISTRY]",
					 "Log in to a registry, Docker Hub without a name, and "
					 "keep the password where docker keeps it."};
	struct login login = {0};
	char *password = malloc(LONGEST_KEY);
	int status = password ? command_parse(session, &argp, argc, argv, &login)
			      : fail_say("out of memory");

	if (!status)
		status = login_with(login.operands.count ? login.operands.items[0] : NULL, &login,
				    password, LONGEST_KEY);
	if (password)
		explicit_bzero(password, LONGEST_KEY);
	free(password);
	words_done(&login.operands);
	return status;
}

int run_logout(struct session *session, int argc, char **argv)
{
	static const struct plain_command command = {
		NULL,
		"[REGISTRY]",
		"Forget the password for a registry, Docker Hub without a name.",
		0,
		1,
		"a registry"};
	autowords operands = {0};
	struct msb_error err = {0};
	const char *server;
	bool known;

	if (plain_parse(session, &command, argc, argv, &operands))
		return STATUS_FAILED;
	server = operands.count ? operands.items[0] : NULL;
	if (msb_logout(server, &known, &err) < 0)
		return fail(&err);
	printf("%s %s\n", known ? "Removing login credentials for" : "Not logged in to",
	       server ? server : HUB);
	return finish();
}
