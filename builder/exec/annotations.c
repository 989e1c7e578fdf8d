#include "annotations.h"

#include <errno.h>
#include <string.h>

#include <msb/cleanup.h>

/* Where NAME begins: behind "manifest:" or "manifest[os/arch]:"; NULL for another level. */
static const char *skip_level(const char *word)
{
	static const char *const others[] = {"index", "manifest-descriptor", "index-descriptor"};
	size_t length = strcspn(word, "=:[,");
	const char *rest = word + length;

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strlen(others[i]) == length && strncmp(word, others[i], length) == 0 &&
		    strchr(":[,", *rest ? *rest : '='))
			return NULL;
	if (length != strlen("manifest") || strncmp(word, "manifest", length) != 0)
		return word;
	if (*rest == '[')
		rest += strcspn(rest, "]") + (strchr(rest, ']') != NULL);
	if (*rest == ',')
		return NULL;
	return *rest == ':' ? rest + 1 : word;
}

int annotations_parse(const char *const *words, struct strlist *ret, struct msb_error *err)
{
	for (; words && *words; words++) {
		const char *text = skip_level(*words);
		const char *value = text ? strchr(text, '=') : NULL;
		autofree char *name = value ? strndup(text, (size_t)(value - text)) : NULL;

		if (!text)
			return msb_error_say(err, EINVAL,
					     "--annotation %s: only manifests have annotations",
					     *words);
		if (!value || value == text)
			return msb_error_say(err, EINVAL, "--annotation %s: expected NAME=VALUE",
					     *words);
		if (!name || strlist_set_env(ret, name, value + 1) < 0)
			return msb_error_memory(err);
	}
	return 0;
}
