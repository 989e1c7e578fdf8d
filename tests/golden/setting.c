/* NAME.args: what a plan is made with besides the Dockerfile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "golden.h"

static void add_line(struct setting *setting, const char *word, const char *value)
{
	int r;

	if (strcmp(word, "build-arg") == 0)
		r = strlist_add(&setting->build_args, value);
	else if (strcmp(word, "label") == 0)
		r = strlist_add(&setting->labels, value);
	else if (strcmp(word, "image") == 0)
		r = strlist_add(&setting->images, value);
	else if (strcmp(word, "ignore") == 0)
		r = strlist_add(&setting->ignore, value);
	else if (strcmp(word, "named") == 0)
		r = strlist_add(&setting->named, value);
	else
		r = strlist_set_env(&setting->rest, word, value);
	if (r < 0)
		abort();
}

void setting_read(struct setting *setting, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n"), word = strcspn(text, " \n");
		autofree char *name = strndup(text, word);
		autofree char *value =
			word < length ? strndup(text + word + 1, length - word - 1) : strdup("");

		if (!name || !value)
			abort();
		add_line(setting, name, value);
		text += length + (text[length] == '\n');
	}
}

void setting_done(struct setting *setting)
{
	strlist_done(&setting->build_args);
	strlist_done(&setting->labels);
	strlist_done(&setting->images);
	strlist_done(&setting->named);
	strlist_done(&setting->ignore);
	strlist_done(&setting->rest);
}

static int add_to_config(struct config *config, const char *key, const char *value)
{
	static const struct {
		const char *name;
		size_t offset;
	} lists[] = {
		{"env", offsetof(struct config, env)},
		{"label", offsetof(struct config, labels)},
		{"onbuild", offsetof(struct config, onbuild)},
		{"cmd", offsetof(struct config, cmd)},
		{"entrypoint", offsetof(struct config, entrypoint)},
		{"shell", offsetof(struct config, shell)},
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		if (strcmp(lists[i].name, key) == 0)
			return strlist_add((struct strlist *)((char *)config + lists[i].offset),
					   value);
	if (strcmp(key, "user") == 0)
		config->user = strdup(value);
	else if (strcmp(key, "working-dir") == 0)
		config->working_dir = strdup(value);
	else if (strcmp(key, "platform") != 0)
		return -EINVAL;
	return 0;
}

int setting_image_config(void *context, const char *reference, const char *platform,
			 struct config *ret, struct msb_error *err)
{
	const struct setting *setting = context;

	(void)platform;
	for (size_t i = 0; i < setting->images.count; i++) {
		const char *line = setting->images.items[i];
		size_t name = strcspn(line, " "), key;
		autofree char *word = NULL;

		if (strlen(reference) != name || strncmp(line, reference, name) != 0)
			continue;
		if (strcmp(line + name, " missing") == 0)
			return msb_error_say(err, ENOENT, "no image '%s'; pull it", reference);
		line += name + 1;
		key = strcspn(line, " ");
		word = strndup(line, key);
		if (!word || add_to_config(ret, word, line[key] ? line + key + 1 : "") < 0)
			abort();
	}
	ret->has_cmd = ret->cmd.count > 0;
	ret->has_entrypoint = ret->entrypoint.count > 0;
	return 0;
}

int setting_named(void *context, const char *name, struct source *ret, struct msb_error *err)
{
	const struct setting *setting = context;
	size_t length = strlen(name);

	for (size_t i = 0; i < setting->named.count; i++) {
		const char *named = setting->named.items[i];
		const char *image = named + length;

		if (strncasecmp(named, name, length) != 0 || (*image && *image != '='))
			continue;
		*ret = (struct source){.kind = *image ? SOURCE_IMAGE : SOURCE_NAMED, .named = i};
		if (*image && !(ret->image = strdup(image + 1)))
			return msb_error_memory(err);
		return 1;
	}
	return 0;
}

/* The rest of the setting's first line "NAME KEY …" on that image; NULL: there is none. */
static const char *find_image_line(const struct setting *setting, const char *name, const char *key)
{
	autofree char *begin = buffer_format("%s %s", name, key);

	if (!begin)
		abort();
	for (size_t i = 0; i < setting->images.count; i++)
		if (strncmp(setting->images.items[i], begin, strlen(begin)) == 0)
			return setting->images.items[i] + strlen(begin);
	return NULL;
}

int setting_lint_base(void *context, const char *reference, const char *platform,
		      struct lint_base *ret, struct msb_error *err)
{
	const char *own = find_image_line(context, reference, "platform ");
	int r;

	if (!find_image_line(context, reference, ""))
		return 0;
	r = setting_image_config(context, reference, platform, &ret->config, err);
	ret->platform = own ? strdup(own) : NULL;
	return r < 0 ? r : 1;
}

char *setting_ignore(const struct setting *setting)
{
	autobuffer out = {0};
	char *text;

	for (size_t i = 0; i < setting->ignore.count; i++)
		buffer_printf(&out, "%s\n", setting->ignore.items[i]);
	text = buffer_text(&out);
	if (!text)
		abort();
	return text;
}
