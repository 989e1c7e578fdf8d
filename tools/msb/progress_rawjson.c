/*
 * Progress for machines: an object a line in the spirit of BuildKit's SolveStatus: "vertexes" that
 * begin and end, "logs" with their bytes in base64, and "warnings". A vertex is known by a digest,
 * which is that of its number and name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "progress_view.h"
#include "text.h"

#define TIME_TEXT 48

struct raw {
	FILE *out;
	int64_t *begun_ns; /* by number, since 1970; owned */
	size_t capacity;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static json_t *time_json(int64_t ns)
{
	time_t second = (time_t)(ns / 1000000000);
	char day[32], text[TIME_TEXT];
	struct tm tm;

	gmtime_r(&second, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%09dZ", day, (int)(ns % 1000000000));
	return json_string(text);
}

static json_t *base64_json(const char *bytes, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((size + 2) / 3 * 4 + 1), *to = text;
	json_t *json;

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		unsigned group = (unsigned)(unsigned char)bytes[i] << 16;

		group |= left > 1 ? (unsigned)(unsigned char)bytes[i + 1] << 8 : 0;
		group |= left > 2 ? (unsigned)(unsigned char)bytes[i + 2] : 0;
		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[group & 63] : '=';
	}
	*to = '\0';
	json = json_string(text);
	free(text);
	return json;
}

static char *name_of(const struct msb_event *event)
{
	char *name = NULL;

	if (asprintf(&name, "[%s %zu/%zu] %s", event->stage ? event->stage : "", event->step,
		     event->steps, event->text ? event->text : "") < 0)
		return NULL;
	return name;
}

static void format_digest(const struct msb_event *event, char text[MSB_DIGEST_TEXT])
{
	char *name = name_of(event), *whole = NULL;
	struct msb_digest digest;

	if (!name || asprintf(&whole, "%zu %s", event->vertex, name) < 0)
		whole = NULL;
	msb_digest_of(whole ? whole : "", whole ? strlen(whole) : 0, &digest);
	msb_digest_format(&digest, text);
	free(whole);
	free(name);
}

/* A display may lose a line, a build may not end for it: whatever could not be made is left out. */
static void print(struct raw *raw, const char *key, json_t *item)
{
	json_t *line = json_pack("{s:[o]}", key, item);

	if (line && json_dumpf(line, raw->out, JSON_COMPACT) == 0)
		fputc('\n', raw->out);
	fflush(raw->out);
	json_decref(line);
}

static int64_t *begun(struct raw *raw, size_t vertex)
{
	size_t capacity = raw->capacity ? raw->capacity : 64;
	int64_t *grown;

	if (vertex >= 1000000)
		return NULL;
	if (vertex < raw->capacity)
		return &raw->begun_ns[vertex];
	while (capacity <= vertex)
		capacity *= 2;
	grown = realloc(raw->begun_ns, capacity * sizeof(*grown));
	if (!grown)
		return NULL;
	memset(grown + raw->capacity, 0, (capacity - raw->capacity) * sizeof(*grown));
	raw->begun_ns = grown;
	raw->capacity = capacity;
	return &grown[vertex];
}

static void print_vertex(struct raw *raw, const struct msb_event *event)
{
	int64_t now = now_ns(), *start = begun(raw, event->vertex);
	char digest[MSB_DIGEST_TEXT], *name = name_of(event);
	json_t *vertex;

	format_digest(event, digest);
	if (start && event->kind == MSB_EVENT_BEGIN)
		*start = now;
	vertex = json_pack("{s:s, s:o, s:o}", "digest", digest, "name", text_json(name), "started",
			   time_json(start ? *start : now));
	free(name);
	if (event->kind == MSB_EVENT_END) {
		json_object_set_new(vertex, "completed", time_json(now));
		if (event->state == MSB_CACHED)
			json_object_set_new(vertex, "cached", json_true());
		if (event->state == MSB_RUNNING)
			json_object_set_new(vertex, "error", json_string("context canceled"));
		if (event->state == MSB_FAILED)
			json_object_set_new(vertex, "error",
					    text_json(event->error ? event->error : "failed"));
	}
	print(raw, "vertexes", vertex);
}

static void print_log(struct raw *raw, const struct msb_event *event)
{
	char digest[MSB_DIGEST_TEXT];

	format_digest(event, digest);
	print(raw, "logs",
	      json_pack("{s:s, s:i, s:o, s:o}", "vertex", digest, "stream", event->output_fd,
			"data", base64_json(event->output, event->output_size), "timestamp",
			time_json(now_ns())));
}

static int raw_start(FILE *out, void **ret)
{
	struct raw *raw = calloc(1, sizeof(*raw));

	if (!raw)
		return -ENOMEM;
	raw->out = out;
	*ret = raw;
	return 0;
}

static void raw_event(void *view, const struct msb_event *event)
{
	if (event->kind == MSB_EVENT_NOTE && event->text)
		print(view, "warnings",
		      json_pack("{s:i, s:o}", "level", 1, "short",
				base64_json(event->text, strlen(event->text))));
	if (event->kind == MSB_EVENT_OUTPUT)
		print_log(view, event);
	if (event->kind == MSB_EVENT_BEGIN || event->kind == MSB_EVENT_END)
		print_vertex(view, event);
}

static void raw_stop(void *view)
{
	struct raw *raw = view;

	free(raw->begun_ns);
	free(raw);
}

const struct view progress_rawjson = {
	.start = raw_start,
	.stop = raw_stop,
	.event = raw_event,
};
