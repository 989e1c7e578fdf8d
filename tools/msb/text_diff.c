/*
 * Myers' greedy search ("An O(ND) Difference Algorithm and Its Variations", 1986): for each number
 * of edits, how far each diagonal gets; then the way back through what was noted.
 */
#include "text_diff.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "text.h"

enum {
	CONTEXT = 3,
	MAX_EDITS = 2000, /* the notes take four bytes times its square */
};

struct line {
	const char *text;
	size_t length; /* with its newline */
};

struct side {
	struct line *lines; /* owned */
	size_t count;
	bool *edited; /* a flag a line: removed from a, or added in b; owned */
};

bool text_diff_is_text(const char *bytes, size_t size)
{
	return size == 0 || !memchr(bytes, '\0', size);
}

static void side_done(struct side *side)
{
	free(side->lines);
	free(side->edited);
}

static int split(const char *text, size_t size, struct side *ret)
{
	size_t count = 0;

	for (const char *c = text; size && c; count++) {
		c = memchr(c, '\n', size - (size_t)(c - text));
		if (c && ++c == text + size)
			c = NULL;
	}
	ret->lines = calloc(count + 1, sizeof(*ret->lines));
	ret->edited = calloc(count + 1, sizeof(*ret->edited));
	if (!ret->lines || !ret->edited)
		return -ENOMEM;
	for (size_t at = 0; at < size;) {
		const char *feed = memchr(text + at, '\n', size - at);
		size_t length = feed ? (size_t)(feed - text) + 1 - at : size - at;

		ret->lines[ret->count++] = (struct line){text + at, length};
		at += length;
	}
	return 0;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* The part of both texts that is searched: what begins and ends alike is left out. */
struct search {
	const struct line *a, *b;
	int n, m;
	bool *removed, *added;
	int32_t *reached; /* by diagonal, from -MAX to MAX: the furthest line of a */
	int32_t **notes;  /* reached before each number of edits, from -d to d */
	int edits;        /* notes taken */
	int limit;
};

/* Where diagonal k begins with one edit more: down (a line of b added) or right (one of a gone). */
static bool comes_from_above(const int32_t *reached, int k, int d)
{
	return k == -d || (k != d && reached[k - 1] < reached[k + 1]);
}

/* One more edit. 1 when the end is reached. */
static int advance(struct search *search, int d)
{
	int32_t *reached = search->reached + search->limit + 1;

	search->notes[d] = malloc(sizeof(int32_t) * (size_t)(2 * d + 3));
	if (!search->notes[d])
		return -ENOMEM;
	memcpy(search->notes[d], reached - d - 1, sizeof(int32_t) * (size_t)(2 * d + 3));
	search->edits = d + 1;
	for (int k = -d; k <= d; k += 2) {
		int x = comes_from_above(reached, k, d) ? reached[k + 1] : reached[k - 1] + 1;
		int y = x - k;

		while (x < search->n && y < search->m && y >= 0 &&
		       same(&search->a[x], &search->b[y]))
			x++, y++;
		reached[k] = x;
		if (x >= search->n && y >= search->m)
			return 1;
	}
	return 0;
}

static void walk_back(struct search *search, int d)
{
	int x = search->n, y = search->m;

	for (; d > 0; d--) {
		const int32_t *reached = search->notes[d] + d + 1;
		int k = x - y;
		bool above = comes_from_above(reached, k, d);
		int from = above ? reached[k + 1] : reached[k - 1];

		x = from;
		y = from - (above ? k + 1 : k - 1);
		if (above)
			search->added[y] = true;
		else
			search->removed[x] = true;
	}
}

static int find_edits(struct search *search)
{
	int r = 0, d = 0;

	if (search->n > INT32_MAX / 4 || search->m > INT32_MAX / 4)
		search->limit = 0;
	search->reached = calloc((size_t)search->limit * 2 + 3, sizeof(int32_t));
	search->notes = calloc((size_t)search->limit + 1, sizeof(int32_t *));
	if (!search->reached || !search->notes)
		return -ENOMEM;
	while (r == 0 && d <= search->limit)
		r = advance(search, d++);
	if (r > 0) {
		walk_back(search, d - 1);
	} else if (r == 0) {
		memset(search->removed, true, (size_t)search->n);
		memset(search->added, true, (size_t)search->m);
	}
	return r < 0 ? r : 0;
}

static int compare(struct side *a, struct side *b)
{
	size_t head = 0, tail = 0;
	struct search search = {.limit = MAX_EDITS};
	int r;

	while (head < a->count && head < b->count && same(&a->lines[head], &b->lines[head]))
		head++;
	while (tail < a->count - head && tail < b->count - head &&
	       same(&a->lines[a->count - 1 - tail], &b->lines[b->count - 1 - tail]))
		tail++;
	search.a = a->lines + head;
	search.b = b->lines + head;
	search.removed = a->edited + head;
	search.added = b->edited + head;
	search.n = (int)(a->count - head - tail);
	search.m = (int)(b->count - head - tail);
	if (search.n + search.m < search.limit)
		search.limit = search.n + search.m;
	r = find_edits(&search);
	for (int i = 0; i < search.edits; i++)
		free(search.notes[i]);
	free(search.notes);
	free(search.reached);
	return r;
}

static void put_line(FILE *out, char mark, const struct line *line, bool harmless)
{
	bool ended = line->length > 0 && line->text[line->length - 1] == '\n';

	fputc(mark, out);
	if (harmless) {
		autofree char *text = text_printable(line->text, line->length - ended);

		fprintf(out, "%s\n", text ? text : "");
	} else {
		fwrite(line->text, 1, line->length, out);
		if (!ended)
			fputc('\n', out);
	}
	if (!ended)
		fputs("\\ No newline at end of file\n", out);
}

/* Places in both texts. */
struct place {
	size_t a, b;
};

static bool is_equal(const struct side *a, const struct side *b, struct place at)
{
	return at.a < a->count && at.b < b->count && !a->edited[at.a] && !b->edited[at.b];
}

static void put_range(FILE *out, char sign, size_t first, size_t count)
{
	fprintf(out, "%c%zu", sign, count ? first + 1 : first);
	if (count != 1)
		fprintf(out, ",%zu", count);
}

static void put_hunk(FILE *out, const struct side *a, const struct side *b, struct place from,
		     struct place to, bool harmless)
{
	fputs("@@ ", out);
	put_range(out, '-', from.a, to.a - from.a);
	fputc(' ', out);
	put_range(out, '+', from.b, to.b - from.b);
	fputs(" @@\n", out);
	while (from.a < to.a || from.b < to.b) {
		if (from.a < to.a && a->edited[from.a]) {
			put_line(out, '-', &a->lines[from.a++], harmless);
		} else if (from.b < to.b && b->edited[from.b]) {
			put_line(out, '+', &b->lines[from.b++], harmless);
		} else {
			put_line(out, ' ', &a->lines[from.a++], harmless);
			from.b++;
		}
	}
}

/* The place behind the edits that begin at `at`, and behind those that follow them closely. */
static struct place end_of_hunk(const struct side *a, const struct side *b, struct place at)
{
	struct place end = at;
	size_t between = 0;

	while (between <= 2 * CONTEXT && (at.a < a->count || at.b < b->count)) {
		if (is_equal(a, b, at)) {
			at.a++, at.b++;
			between++;
			continue;
		}
		if (at.a < a->count && a->edited[at.a])
			at.a++;
		else
			at.b++;
		between = 0;
		end = at;
	}
	return end;
}

static void put_hunks(FILE *out, const struct side *a, const struct side *b, bool harmless)
{
	struct place at = {0, 0};

	while (at.a < a->count || at.b < b->count) {
		struct place from = at, to;
		size_t before, after;

		if (is_equal(a, b, at)) {
			at.a++, at.b++;
			continue;
		}
		before = at.a < CONTEXT ? at.a : CONTEXT;
		if (before > at.b)
			before = at.b;
		from.a -= before, from.b -= before;
		at = to = end_of_hunk(a, b, at);
		after = a->count - to.a < CONTEXT ? a->count - to.a : CONTEXT;
		to.a += after, to.b += after;
		put_hunk(out, a, b, from, to, harmless);
	}
}

int text_diff_hunks(FILE *out, const char *a, size_t a_size, const char *b, size_t b_size,
		    bool harmless)
{
	__attribute__((cleanup(side_done))) struct side before = {0};
	__attribute__((cleanup(side_done))) struct side after = {0};
	int r = split(a, a_size, &before);

	if (r >= 0)
		r = split(b, b_size, &after);
	if (r >= 0)
		r = compare(&before, &after);
	if (r >= 0)
		put_hunks(out, &before, &after, harmless);
	return r;
}
