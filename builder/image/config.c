/* The "config" object of an image's document, with Docker's keys. */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* An object whose keys are all that matters: {"80/tcp": {}}. */
static json_t *set_to_json(const struct strlist *list)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < list->count; i++) {
		if (!json_put(object, list->items[i], json_object())) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *labels_to_json(const struct strlist *labels)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < labels->count; i++) {
		const char *item = labels->items[i], *value = strchr(item, '=');
		autofree char *key = strndup(item, value ? (size_t)(value - item) : strlen(item));

		if (!key || !json_put_text(object, key, value ? value + 1 : "")) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static bool put_positive(json_t *object, const char *key, int64_t value)
{
	return value == 0 || json_put(object, key, json_integer(value));
}

static json_t *healthcheck_to_json(const struct healthcheck *check)
{
	json_auto_t *object = json_object();

	if (!object ||
	    !(check->test.count == 0 || json_put(object, "Test", json_strings(&check->test))) ||
	    !put_positive(object, "Interval", check->interval_ns) ||
	    !put_positive(object, "Timeout", check->timeout_ns) ||
	    !put_positive(object, "StartPeriod", check->start_period_ns) ||
	    !put_positive(object, "StartInterval", check->start_interval_ns) ||
	    !put_positive(object, "Retries", check->retries))
		return NULL;
	return steal(&object);
}

/* Lists that say nothing when they are empty. */
static bool put_lists(json_t *object, const struct config *config)
{
	return (config->env.count == 0 || json_put(object, "Env", json_strings(&config->env))) &&
	       (config->labels.count == 0 ||
		json_put(object, "Labels", labels_to_json(&config->labels))) &&
	       (config->ports.count == 0 ||
		json_put(object, "ExposedPorts", set_to_json(&config->ports))) &&
	       (config->volumes.count == 0 ||
		json_put(object, "Volumes", set_to_json(&config->volumes))) &&
	       (config->onbuild.count == 0 ||
		json_put(object, "OnBuild", json_strings(&config->onbuild))) &&
	       (config->shell.count == 0 ||
		json_put(object, "Shell", json_strings(&config->shell)));
}

json_t *config_to_json(const struct config *config)
{
	json_auto_t *object = json_object();

	if (!object || !json_put_text(object, "User", config->user) ||
	    !json_put_text(object, "WorkingDir", config->working_dir) ||
	    !json_put_text(object, "StopSignal", config->stop_signal) ||
	    !put_lists(object, config) ||
	    (config->has_entrypoint &&
	     !json_put(object, "Entrypoint", json_strings(&config->entrypoint))) ||
	    (config->has_cmd && !json_put(object, "Cmd", json_strings(&config->cmd))) ||
	    (config->args_escaped && !json_put(object, "ArgsEscaped", json_true())) ||
	    (config->has_healthcheck &&
	     !json_put(object, "Healthcheck", healthcheck_to_json(&config->healthcheck))))
		return NULL;
	return steal(&object);
}

static int take_set(json_t *in, const char *key, struct strlist *ret, struct msb_error *err)
{
	json_t *object, *value;
	const char *name;
	int r = json_take_object(in, key, &object, err);

	if (r < 0)
		return r;
	json_object_foreach(object, name,
			    value) if (strlist_add(ret, name) < 0) return msb_error_memory(err);
	strlist_sort(ret);
	return 0;
}

static int take_labels(json_t *in, struct strlist *ret, struct msb_error *err)
{
	json_t *object, *value;
	const char *key;
	int r = json_take_object(in, "Labels", &object, err);

	if (r < 0)
		return r;
	json_object_foreach(object, key, value)
	{
		if (!json_is_string(value))
			return msb_error_say(err, EBADMSG, "label '%s' is not a string", key);
		if (strchr(key, '='))
			return msb_error_say(err, EBADMSG, "label '%s' has a '=' in its name", key);
		if (strlist_addf(ret, "%s=%s", key, json_string_value(value)) < 0)
			return msb_error_memory(err);
	}
	strlist_sort(ret);
	return 0;
}

static int take_healthcheck(json_t *in, struct config *ret, struct msb_error *err)
{
	struct healthcheck *check = &ret->healthcheck;
	json_t *object;
	int r = json_take_object(in, "Healthcheck", &object, err);

	if (r < 0 || !object)
		return r;
	ret->has_healthcheck = true;
	r = json_take_strings(object, "Test", &check->test, NULL, err);
	if (r >= 0)
		r = json_take_integer(object, "Interval", &check->interval_ns, err);
	if (r >= 0)
		r = json_take_integer(object, "Timeout", &check->timeout_ns, err);
	if (r >= 0)
		r = json_take_integer(object, "StartPeriod", &check->start_period_ns, err);
	if (r >= 0)
		r = json_take_integer(object, "StartInterval", &check->start_interval_ns, err);
	if (r >= 0)
		r = json_take_integer(object, "Retries", &check->retries, err);
	return r;
}

/* Docker writes "" where nothing is set. */
static int take_set_string(json_t *in, const char *key, char **ret, struct msb_error *err)
{
	int r = json_take_string(in, key, ret, err);

	if (r >= 0 && *ret && **ret == '\0') {
		free(*ret);
		*ret = NULL;
	}
	return r;
}

static int take_config(json_t *json, struct config *ret, struct msb_error *err)
{
	int r = take_set_string(json, "User", &ret->user, err);

	if (r >= 0)
		r = take_set_string(json, "WorkingDir", &ret->working_dir, err);
	if (r >= 0)
		r = take_set_string(json, "StopSignal", &ret->stop_signal, err);
	if (r >= 0)
		r = json_take_strings(json, "Env", &ret->env, NULL, err);
	if (r >= 0)
		r = take_labels(json, &ret->labels, err);
	if (r >= 0)
		r = take_set(json, "ExposedPorts", &ret->ports, err);
	if (r >= 0)
		r = take_set(json, "Volumes", &ret->volumes, err);
	if (r >= 0)
		r = json_take_strings(json, "OnBuild", &ret->onbuild, NULL, err);
	if (r >= 0)
		r = json_take_strings(json, "Entrypoint", &ret->entrypoint, &ret->has_entrypoint,
				      err);
	if (r >= 0)
		r = json_take_strings(json, "Cmd", &ret->cmd, &ret->has_cmd, err);
	if (r >= 0)
		r = json_take_strings(json, "Shell", &ret->shell, NULL, err);
	if (r >= 0)
		r = json_take_bool(json, "ArgsEscaped", &ret->args_escaped, err);
	if (r >= 0)
		r = take_healthcheck(json, ret, err);
	return r;
}

int config_from_json(json_t *json, struct config *ret, struct msb_error *err)
{
	autoconfig config = {0};
	int r = take_config(json, &config, err);

	if (r < 0)
		return r;
	*ret = config;
	config = (struct config){0};
	return 0;
}

/* The author stands beside "config" in an image's document; a step's has it inside. */
int config_encode(const struct config *config, char **ret, struct msb_error *err)
{
	json_auto_t *json = config_to_json(config);
	bool complete = json && json_put_text(json, "Author", config->author);

	return json_text(json, complete, "the image's configuration", ret, err);
}

int config_decode(const char *text, size_t size, struct config *ret, struct msb_error *err)
{
	autoconfig config = {0};
	json_auto_t *json = NULL;
	int r = json_parse(text, size, "the image's configuration", &json, err);

	if (r >= 0 && !json_is_object(json))
		r = msb_error_say(err, EBADMSG, "the image's configuration is not an object");
	if (r >= 0)
		r = config_from_json(json, &config, err);
	if (r >= 0)
		r = json_take_string(json, "Author", &config.author, err);
	if (r < 0)
		return r;
	*ret = config;
	config = (struct config){0};
	return 0;
}
