#include "template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#define DEPTH_MAX 64

int template_is(const char *format)
{
	return strstr(format, "{{") != NULL;
}

/* As Go's %v has it: [a b], map[k:v], bare strings. */
static void put_plain(FILE *out, json_t *value, unsigned depth)
{
	const char *key, *between = "";
	json_t *member;
	size_t index;

	if (depth > DEPTH_MAX)
		return;
	switch (json_typeof(value)) {
	case JSON_STRING:
		fputs(json_string_value(value), out);
		break;
	case JSON_INTEGER:
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		fprintf(out, "%g", json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(value) ? "true" : "false", out);
		break;
	case JSON_NULL:
		fputs("<nil>", out);
		break;
	case JSON_ARRAY:
		fputc('[', out);
		json_array_foreach(value, index, member)
		{
			fputs(between, out);
			put_plain(out, member, depth + 1);
			between = " ";
		}
		fputc(']', out);
		break;
	case JSON_OBJECT:
		fputs("map[", out);
		json_object_foreach(value, key, member)
		{
			fprintf(out, "%s%s:", between, key);
			put_plain(out, member, depth + 1);
			between = " ";
		}
		fputc(']', out);
		break;
	}
}

/* path: ".", ".A", ".A.B". */
static int look_up(const char *path, json_t *value, json_t **ret, struct msb_error *err)
{
	const char *rest = path;

	if (strcmp(path, ".") == 0) {
		*ret = value;
		return 0;
	}
	while (*rest) {
		autofree char *key = NULL;
		size_t length;

		rest++;
		length = strcspn(rest, ".");
		key = strndup(rest, length);
		if (!key)
			return msb_error_memory(err);
		value = json_object_get(value, key);
		if (!value)
			return msb_error_say(err, EINVAL, "template: there is no '%s' in '%s'", key,
					     path);
		rest += length;
	}
	*ret = value;
	return 0;
}

static int put_action(FILE *out, char *action, json_t *root, struct msb_error *err)
{
	static const char blanks[] = " \t\n";
	static const char key_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					     "0123456789_.";
	char *rest = NULL;
	const char *path = strtok_r(action, blanks, &rest);
	const char *more = strtok_r(NULL, blanks, &rest);
	int as_json = path && more && strcmp(path, "json") == 0;
	json_t *value = NULL;
	int r;

	if (as_json) {
		path = more;
		more = strtok_r(NULL, blanks, &rest);
	}
	if (!path || more || path[0] != '.' || path[strspn(path, key_characters)] ||
	    strstr(path, "..") || (path[1] && path[strlen(path) - 1] == '.'))
		return msb_error_say(err, EINVAL,
				     "template: '{{%s…}}' is not supported: use {{.Key.Key}} or "
				     "{{json .Key.Key}}, or --format json with a tool like jq",
				     path ? path : "");
	r = look_up(path, root, &value, err);
	if (r < 0)
		return r;
	if (!as_json)
		put_plain(out, value, 0);
	else if (json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
		return msb_error_memory(err);
	return 0;
}

static int fill(FILE *out, const char *format, json_t *value, struct msb_error *err)
{
	const char *open;

	while ((open = strstr(format, "{{"))) {
		const char *close = strstr(open, "}}");
		autofree char *action = NULL;
		int r;

		if (!close)
			return msb_error_say(err, EINVAL, "template: '{{' without '}}'");
		fwrite(format, 1, (size_t)(open - format), out);
		action = strndup(open + 2, (size_t)(close - open) - 2);
		if (!action)
			return msb_error_memory(err);
		r = put_action(out, action, value, err);
		if (r < 0)
			return r;
		format = close + 2;
	}
	fputs(format, out);
	return 0;
}

int template_fill(const char *format, json_t *value, char **ret, struct msb_error *err)
{
	autofree char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return msb_error_memory(err);
	r = fill(out, format, value, err);
	if (fclose(out) != 0 && r == 0)
		r = msb_error_memory(err);
	if (r == 0)
		*ret = steal(&text);
	return r;
}
