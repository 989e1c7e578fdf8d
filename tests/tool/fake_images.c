/* Images and their names. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/builder.h>
#include <msb/records.h>

#include "fake.h"

int msb_image_load(const char *root, const char *path,
		   int (*each)(void *context, const struct msb_image *image), void *context,
		   struct msb_error *err)
{
	char name[] = "docker.io/library/node:latest";
	struct msb_image image = {.name = name, .id = digest(0x05)};

	(void)root;
	if (strcmp(path, "absent") == 0)
		return msb_error_set(err, ENOENT, "open %s", path);
	each(context, &image);
	image.name = NULL;
	each(context, &image);
	return 0;
}

int msb_image_import(const char *root, const char *path, const char *name,
		     const char *const *changes, const char *message, struct msb_digest *ret_id,
		     struct msb_error *err)
{
	(void)root, (void)path, (void)err;
	printf("name %s, message %s\n", name ? name : "-", message ? message : "-");
	for (; changes && *changes; changes++)
		printf("change %s\n", *changes);
	*ret_id = digest(0x06);
	return 0;
}

int msb_image_save(const char *root, const char *const *names, size_t count, int fd,
		   struct msb_error *err)
{
	(void)root;
	for (size_t i = 0; i < count; i++) {
		dprintf(fd, "%s\n", names[i]);
		if (strcmp(names[i], "absent") == 0)
			return msb_error_say(err, ENOENT, "there is no image 'absent'");
	}
	return 0;
}

int msb_image_tag(const char *root, const char *source, const char *name, struct msb_error *err)
{
	(void)root;
	return strcmp(source, "absent") == 0
		       ? msb_error_say(err, ENOENT, "there is no image 'absent'")
		       : (name ? 0 : -EINVAL);
}

int msb_image_remove(const char *root, const char *name, char **ret_said, struct msb_error *err)
{
	(void)root;
	if (strcmp(name, "absent") == 0)
		return msb_error_say(err, ENOENT, "there is no image 'absent'");
	if (asprintf(ret_said, "Untagged: %s\n", name) < 0)
		return msb_error_memory(err);
	return 0;
}

int msb_image_inspect(const char *root, const char *name, char **ret, struct msb_error *err)
{
	(void)root;
	if (strcmp(name, "absent") == 0)
		return msb_error_say(err, ENOENT, "there is no image 'absent'");
	*ret = strdup("{\"Id\": \"sha256:0123456789abcdef0123456789abcdef\", \"Size\": 12, "
		      "\"Config\": {\"Env\": [\"A=1\", \"B=2\"], \"Labels\": {\"k\": \"v\"}, "
		      "\"Tty\": false, \"Volumes\": null}}");
	return *ret ? 0 : msb_error_memory(err);
}

int msb_image_history(const char *root, const char *name, struct msb_history_line **ret,
		      size_t *ret_count, struct msb_error *err)
{
	(void)root, (void)name;
	*ret = calloc(2, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_history_line){
		ago(50 * HOUR),
		strdup("RUN /bin/sh -c apt-get update && apt-get install -y things # buildkit"),
		strdup("msb"),
		1500000,
		false,
		true,
		digest(7)};
	(*ret)[1] = (struct msb_history_line){
		ago(500 * HOUR), strdup("CMD [\"\033[31mnode\"]"), NULL, 0, true, false, {{0}}};
	*ret_count = 2;
	return 0;
}

void msb_history_free(struct msb_history_line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(lines[i].created_by);
		free(lines[i].comment);
	}
	free(lines);
}

int msb_reference_normalize(const char *text, char **ret, struct msb_error *err)
{
	if (asprintf(ret, "%s%s%s", strchr(text, '/') ? "" : "docker.io/library/", text,
		     strchr(text, ':') ? "" : ":latest") < 0)
		return msb_error_memory(err);
	return 0;
}

int msb_reference_split(const char *normalized, char **ret_repository, char **ret_tag,
			struct msb_error *err)
{
	static const char library[] = "docker.io/library/";
	const char *colon = strrchr(normalized, ':');

	(void)err;
	if (strncmp(normalized, library, strlen(library)) == 0)
		normalized += strlen(library);
	*ret_repository = strndup(normalized, (size_t)(colon - normalized));
	*ret_tag = strdup(colon + 1);
	return 0;
}
