/* The command line: one table of commands, and the way from a word to its row. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "docker_words.h"
#include "help.h"

const struct command commands[] = {
	{"image build", "build", "bud", "Building", "Build an image from a Dockerfile", run_build},
	{"builds", NULL, NULL, "Building", "List builds", run_builds},
	{"stages", NULL, NULL, "Building", "List the stages of a build", run_stages},
	{"log", NULL, NULL, "Building", "Show what a step, a stage or a build printed", run_log},
	{"explain", NULL, NULL, "Building", "Say why steps missed the cache", run_explain},
	{"graph", NULL, NULL, "Building", "Draw the stages and steps of a build", run_graph},

	{"mount", NULL, NULL, "Looking into trees", "Show stages, images and builds as directories",
	 run_mount},
	{"fetch", NULL, NULL, NULL, NULL, run_fetch},
	{"umount", NULL, "unmount", "Looking into trees", "Take such a mount away", run_umount},
	{"debug", NULL, NULL, "Looking into trees", "Run a shell in a throw-away copy of a tree",
	 run_debug},
	{"diff", NULL, NULL, "Looking into trees", "Show what differs between two trees", run_diff},
	{"ls", NULL, NULL, "Looking into trees", "List a directory of a tree", run_ls},
	{"cat", NULL, NULL, "Looking into trees", "Show a file of a tree", run_cat},
	{"cp", NULL, NULL, "Looking into trees", "Copy a file or directory out of a tree", run_cp},
	{"export", NULL, NULL, "Looking into trees", "Write a tree as a tar archive", run_export},

	{"image ls", "images", "image list", "Images", "List images", run_image_ls},
	{"image inspect", "inspect", NULL, "Images", "Show all about images, as JSON",
	 run_image_inspect},
	{"image history", "history", NULL, "Images", "Show how an image came about",
	 run_image_history},
	{"image tag", "tag", NULL, "Images", "Give an image one more name", run_image_tag},
	{"image rm", "rmi", "image remove", "Images", "Take names or images away", run_image_rm},
	{"image pull", "pull", NULL, "Images", "Fetch an image from a registry", run_image_pull},
	{"image push", "push", NULL, "Images", "Send an image to a registry", run_image_push},
	{"image load", "load", NULL, "Images", "Load images from an archive", run_image_load},
	{"image save", "save", NULL, "Images", "Save images to an archive", run_image_save},
	{"image import", "import", NULL, "Images", "Make an image from a tar of a file system",
	 run_image_import},
	{"image prune", NULL, NULL, "Images", "Remove images without a name", run_image_prune},

	{"du", NULL, "df", "The store", "Show what takes how much room", run_du},
	{"prune", NULL, NULL, "The store", "Remove what is wanted no more", run_prune},
	{"cache ls", NULL, NULL, "The store", "List the directories of RUN --mount=type=cache",
	 run_cache_ls},
	{"cache rm", NULL, NULL, "The store", "Remove such directories", run_cache_rm},
	{"fsck", NULL, NULL, "The store", "Verify all that the store holds", run_fsck},

	{"login", NULL, NULL, "Registries", "Log in to a registry", run_login},
	{"logout", NULL, NULL, "Registries", "Forget the password for a registry", run_logout},

	{"info", NULL, NULL, "This host", "Show whether this host has what msb needs", run_info},
	{"version", NULL, NULL, "This host", "Show the version", run_version},
	{"help", NULL, NULL, "This host", "Show help", run_help},
	{0},
};

static int wrong_command(const char *words, const char *family)
{
	const char *instead = docker_words_instead(words);
	const char *meant = instead ? NULL : help_nearest(words);

	fprintf(stderr, "msb: '%s' is not a command", words);
	if (instead)
		fprintf(stderr, ": %s", instead);
	if (meant)
		fprintf(stderr, " (did you mean %s?)", meant);
	fprintf(stderr, "\nTry 'msb %s%s'.\n", family ? family : "", family ? " --help" : "--help");
	return STATUS_USAGE;
}

/* Runs the row that `word` names, with argv[0] as the first of its own words. */
static int run_named(struct session *session, const char *word, int argc, char **argv)
{
	const struct command *command = help_find(word);
	char program[128];

	if (!command)
		return wrong_command(word, strchr(word, ' ') ? help_family_of(word) : NULL);
	snprintf(program, sizeof(program), "msb %s", word);
	argv[0] = program;
	return command->run(session, argc, argv);
}

/* Two of docker's words that one of ours does the work of, "buildx bake": says so. */
static bool is_pair_of_dockers(const char *first, const char *second)
{
	char words[128];

	snprintf(words, sizeof(words), "%s %s", first, second);
	if (help_family_of(first) || !docker_words_instead(words))
		return false;
	wrong_command(words, NULL);
	return true;
}

/* "image ls": the word behind `image` belongs to the command's name. */
static int run_family(struct session *session, const char *family, int argc, char **argv)
{
	char word[128];

	if (argc < 2) {
		help_family(stderr, family);
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0 ||
	    strcmp(argv[1], "-h") == 0) {
		help_family(stdout, family);
		return finish();
	}
	snprintf(word, sizeof(word), "%s %s", family, argv[1]);
	return run_named(session, word, argc - 1, argv + 1);
}

static int wrong_option(const char *option)
{
	fprintf(stderr, "msb: unknown option '%s' before the command\nTry 'msb --help'.\n", option);
	return STATUS_USAGE;
}

/* The options in front of the command. -1 when all went well and *ret_next is the command. */
static int global_options(struct session *session, int argc, char **argv, int *ret_next)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *root = NULL;

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 ||
		    strcmp(argv[i], "-?") == 0) {
			help_all(stdout);
			return finish();
		}
		if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-v") == 0) {
			printf("msb version %s\n", MSB_VERSION);
			return finish();
		}
		if (strncmp(argv[i], "--root=", 7) == 0)
			root = argv[i] + 7;
		else if (strcmp(argv[i], "--root") == 0 && i + 1 < argc)
			root = argv[++i];
		else
			return wrong_option(argv[i]);
		free(session->root);
		session->root = strdup(root);
		if (!session->root)
			return fail_say("out of memory");
	}
	*ret_next = i;
	return -1;
}

int main(int argc, char **argv)
{
	struct session session = {0};
	int next = 0;
	int status;

	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_DFL);
	status = global_options(&session, argc, argv, &next);
	if (status < 0 && next + 1 < argc && docker_words_skip(argv[next], argv[next + 1]))
		next++;
	if (status >= 0) {
		/* Said already. */
	} else if (next >= argc) {
		help_all(stderr);
		status = STATUS_USAGE;
	} else if (next + 1 < argc && is_pair_of_dockers(argv[next], argv[next + 1])) {
		status = STATUS_USAGE;
	} else if (help_family_of(argv[next]) && !strchr(argv[next], ' ')) {
		status = run_family(&session, help_family_of(argv[next]), argc - next, argv + next);
	} else {
		status = run_named(&session, argv[next], argc - next, argv + next);
	}
	free(session.root);
	return status;
}
