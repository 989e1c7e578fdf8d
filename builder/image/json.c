#include <errno.h>
#include <string.h>

#include "internal.h"
#include "rfc3339.h"

int json_parse(const char *text, size_t size, const char *what, json_t **ret, struct msb_error *err)
{
	json_error_t where;
	json_t *json;

	if (size > DOCUMENT_MAX)
		return msb_error_say(err, EFBIG, "%s: %zu bytes are too many", what, size);
	json = json_loadb(text, size, 0, &where);
	if (!json)
		return msb_error_say(err, EBADMSG, "%s: line %d: %s", what, where.line, where.text);
	if (!json_is_object(json) && !json_is_array(json)) {
		json_decref(json);
		return msb_error_say(err, EBADMSG, "%s: neither an object nor an array", what);
	}
	*ret = json;
	return 0;
}

/* The value when it is there and not null. */
static json_t *value_of(json_t *in, const char *key)
{
	json_t *value = json_object_get(in, key);

	return json_is_null(value) ? NULL : value;
}

static int wrong(const char *key, const char *type, struct msb_error *err)
{
	return msb_error_say(err, EBADMSG, "'%s' is not %s", key, type);
}

int json_take_string(json_t *in, const char *key, char **ret, struct msb_error *err)
{
	json_t *value = value_of(in, key);
	char *copy;

	if (!value)
		return 0;
	if (!json_is_string(value))
		return wrong(key, "a string", err);
	copy = strdup(json_string_value(value));
	if (!copy)
		return msb_error_memory(err);
	free(*ret);
	*ret = copy;
	return 0;
}

int json_take_integer(json_t *in, const char *key, int64_t *ret, struct msb_error *err)
{
	json_t *value = value_of(in, key);

	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return wrong(key, "a whole number", err);
	*ret = json_integer_value(value);
	return 0;
}

int json_take_bool(json_t *in, const char *key, bool *ret, struct msb_error *err)
{
	json_t *value = value_of(in, key);

	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return wrong(key, "true or false", err);
	*ret = json_is_true(value);
	return 0;
}

int json_take_strings(json_t *in, const char *key, struct strlist *ret, bool *ret_present,
		      struct msb_error *err)
{
	json_t *value = value_of(in, key), *item;
	size_t i;

	if (!value)
		return 0;
	if (!json_is_array(value))
		return wrong(key, "a list of strings", err);
	json_array_foreach(value, i, item)
	{
		if (!json_is_string(item))
			return wrong(key, "a list of strings", err);
		if (strlist_add(ret, json_string_value(item)) < 0)
			return msb_error_memory(err);
	}
	if (ret_present)
		*ret_present = true;
	return 0;
}

int json_take_object(json_t *in, const char *key, json_t **ret, struct msb_error *err)
{
	json_t *value = value_of(in, key);

	if (value && !json_is_object(value))
		return wrong(key, "an object", err);
	*ret = value;
	return 0;
}

int json_take_array(json_t *in, const char *key, json_t **ret, struct msb_error *err)
{
	json_t *value = value_of(in, key);

	if (value && !json_is_array(value))
		return wrong(key, "a list", err);
	*ret = value;
	return 0;
}

int json_take_time(json_t *in, const char *key, int64_t *ret_ns, struct msb_error *err)
{
	json_t *value = value_of(in, key);

	if (!value)
		return 0;
	if (!json_is_string(value) || time_parse(json_string_value(value), ret_ns) < 0)
		return wrong(key, "a time such as 2006-01-02T15:04:05Z", err);
	return 0;
}

int json_take_digest(json_t *in, const char *key, bool *ret_present, struct msb_digest *ret,
		     struct msb_error *err)
{
	json_t *value = value_of(in, key);

	*ret_present = value != NULL;
	if (!value)
		return 0;
	if (!json_is_string(value) || strncmp(json_string_value(value), "sha256:", 7) != 0 ||
	    msb_digest_parse(json_string_value(value), ret) < 0)
		return wrong(key, "a SHA-256 digest", err);
	return 0;
}

bool json_put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

bool json_put_text(json_t *object, const char *key, const char *text)
{
	return !text || json_put(object, key, json_string(text));
}

bool json_put_time(json_t *object, const char *key, int64_t ns)
{
	char text[TIME_TEXT];

	return json_put_text(object, key, time_format(ns, text));
}

bool json_put_digest(json_t *object, const char *key, const struct msb_digest *digest)
{
	char text[MSB_DIGEST_TEXT];

	return json_put_text(object, key, msb_digest_format(digest, text));
}

json_t *json_strings(const struct strlist *list)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < list->count; i++) {
		if (json_array_append_new(array, json_string(list->items[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

int json_text(const json_t *json, bool complete, const char *what, char **ret,
	      struct msb_error *err)
{
	char *text;

	if (!json || !complete)
		return msb_error_say(err, EINVAL, "%s: some value of it is not UTF-8 text", what);
	text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
	if (!text)
		return msb_error_memory(err);
	*ret = text;
	return 0;
}
