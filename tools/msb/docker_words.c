#include "docker_words.h"

#include <stddef.h>
#include <string.h>

bool docker_words_skip(const char *word)
{
	static const char *const families[] = {"buildx", "builder", "system"};

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (strcmp(word, families[i]) == 0)
			return true;
	return false;
}

const char *docker_words_instead(const char *word)
{
	static const struct {
		const char *word, *instead;
	} others[] = {
		{"run", "msb runs no containers; a command in a copy of an image is run by "
			"'msb debug image:NAME -- COMMAND'"},
		{"exec",
		 "msb runs no containers; 'msb debug REF -- COMMAND' runs one in a copy of a "
		 "stage, a step or an image"},
		{"ps", "msb runs no containers; 'msb builds' lists what was built"},
		{"container", "msb runs no containers"},
		{"compose", "msb builds one Dockerfile; several results: 'msb build --target A "
			    "--target B .'"},
		{"commit", "'msb debug --keep NAME' keeps what was changed in a copy"},
		{"logs", "'msb log REF' shows what a step, a stage or a build printed"},
		{"search", "msb asks registries for images by their names: 'msb pull NAME'"},
		{"buildx", "'msb build' is all there is to it"},
		{"builder", "'msb build' is all there is to it"},
		{"system", "'msb du', 'msb prune', 'msb info'"},
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(word, others[i].word) == 0)
			return others[i].instead;
	return NULL;
}
