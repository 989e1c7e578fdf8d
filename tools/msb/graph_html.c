/* A build as one page that needs nothing beside it: the drawing, and below it each step, with what
 * it changed and said, to unfold. */
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "text.h"

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	"style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
	"<style>\n"
	"body{font:14px/1.5 system-ui,'DejaVu Sans',sans-serif;margin:0;color:#1f2328}\n"
	".picture{overflow:auto;border-bottom:1px solid #d0d7de;max-height:75vh}\n"
	"main{padding:8px 24px 60vh}\n"
	"h2{font-size:16px;margin:24px 0 8px}\n"
	"details{border:1px solid #d0d7de;margin:-1px 0 0}\n"
	"summary{display:flex;gap:12px;padding:4px 12px;cursor:pointer;"
	"font:12px 'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace}\n"
	"summary::before{content:'\\25b8'}details[open]>summary::before{content:'\\25be'}\n"
	"summary .text{flex:1;overflow-wrap:anywhere}\n"
	"summary .size,summary .outcome{width:80px;text-align:right}\n"
	"details.cached>summary{background:#eef6ee}details.failed>summary{background:#ffebe9}\n"
	"details:target{outline:2px solid #0969da}\n"
	".body{padding:4px 12px 12px 48px}\n"
	"pre{font:12px 'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace;"
	"background:#f6f8fa;padding:8px;margin:4px 0;max-height:400px;overflow:auto}\n"
	"p,ul{margin:4px 0}\n"
	"</style>\n";

/* A step's link in the drawing unfolds it. */
static const char script[] =
	"<script>\n"
	"function unfold(){const e=location.hash&&document.getElementById(location.hash.slice(1));"
	"if(e){e.open=true;e.scrollIntoView()}}\n"
	"addEventListener('hashchange',unfold);unfold();\n"
	"document.querySelectorAll('svg a').forEach(a=>a.addEventListener('click',()=>"
	"setTimeout(unfold)));\n"
	"</script>\n";

static void put_log(FILE *out, const struct msb_graph_step *step)
{
	const char *line = step->log, *end = step->log + step->log_size;

	fputs("<p>Printed:</p><pre>", out);
	while (line < end) {
		const char *feed = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((feed ? feed : end) - line);
		autofree char *text = text_printable(line, length);

		graph_put(out, text ? text : "");
		fputc('\n', out);
		line += length + 1;
	}
	fputs("</pre>\n", out);
}

static void put_change(FILE *out, const struct msb_graph_change *change)
{
	static const char letters[] = {[MSB_ADDED] = 'A', [MSB_REMOVED] = 'D', [MSB_CHANGED] = 'C'};
	autofree char *path = text_path(change->path);
	char sizes[2][HUMAN_TEXT];

	fprintf(out, "%c ", letters[change->change]);
	graph_put(out, path ? path : "?");
	if (change->file && change->change == MSB_CHANGED && change->before != change->after)
		fprintf(out, "  %s -&gt; %s", human_size(change->before, sizes[0]),
			human_size(change->after, sizes[1]));
	else if (change->file)
		fprintf(out, "  %s",
			human_size(change->change == MSB_REMOVED ? change->before : change->after,
				   sizes[0]));
	fputc('\n', out);
}

static void put_changes(FILE *out, const struct msb_graph_step *step)
{
	uint64_t all = step->added + step->changed + step->removed;
	char sizes[2][HUMAN_TEXT];

	if (all == 0) {
		fputs(step->number > 1 ? "<p>Changed nothing.</p>\n" : "", out);
		return;
	}
	fprintf(out,
		"<p>%llu added, %llu changed, %llu deleted: +%s, -%s</p>\n<pre class=\"changes\">",
		(unsigned long long)step->added, (unsigned long long)step->changed,
		(unsigned long long)step->removed, human_size(step->bytes_added, sizes[0]),
		human_size(step->bytes_removed, sizes[1]));
	for (size_t i = 0; i < step->change_count; i++)
		put_change(out, &step->changes[i]);
	if (all > step->change_count)
		fprintf(out, "and %llu more: msb diff shows all\n",
			(unsigned long long)(all - step->change_count));
	fputs("</pre>\n", out);
}

static int put_sources(FILE *out, const struct msb_graph *graph, const struct msb_graph_step *step,
		       struct msb_error *err)
{
	if (step->source_count == 0)
		return 0;
	fputs("<ul>\n", out);
	for (size_t i = 0; i < step->source_count; i++) {
		autofree char *text = graph_source(graph, &step->sources[i]);

		if (!text)
			return msb_error_memory(err);
		fputs("<li>", out);
		graph_put(out, text);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
	return 0;
}

static int put_step(FILE *out, const struct msb_graph *graph, size_t stage,
		    const struct msb_graph_step *step, struct msb_error *err)
{
	char words[GRAPH_WORDS], digest[MSB_DIGEST_TEXT];
	int r;

	fprintf(out, "<details id=\"step-%zu-%zu\" class=\"%s\"><summary><span>%zu</span>", stage,
		step->number, graph_state(step->state), step->number);
	fputs("<span class=\"text\">", out);
	graph_put(out, step->text);
	fprintf(out, "</span><span class=\"size\">%s</span>", graph_growth(step, words));
	fprintf(out, "<span class=\"outcome\">%s</span></summary>\n<div class=\"body\">\n",
		graph_outcome(step, words));
	if (step->state == MSB_FAILED && step->exit_status)
		fprintf(out, "<p>Exit status %d.</p>\n", step->exit_status);
	fprintf(out, "<p>Line %d", step->line);
	if (step->has_tree)
		fprintf(out, ", <code>tree:%s</code>", msb_digest_format(&step->tree, digest));
	fputs("</p>\n", out);
	r = put_sources(out, graph, step, err);
	if (r < 0)
		return r;
	put_changes(out, step);
	if (step->log_size)
		put_log(out, step);
	fputs("</div></details>\n", out);
	return 0;
}

int graph_html(FILE *out, const struct msb_graph *graph, struct msb_error *err)
{
	char title[2 * GRAPH_WORDS];
	int r;

	fprintf(out, "%s<title>%s</title></head><body>\n<div class=\"picture\">\n", head,
		graph_title(graph, title));
	r = graph_draw(out, graph, true, err);
	fputs("</div>\n<main>\n", out);
	if (graph->build->error) {
		fputs("<p><strong>", out);
		graph_put(out, graph->build->error);
		fputs("</strong></p>\n", out);
	}
	for (size_t i = 0; r >= 0 && i < graph->stage_count; i++) {
		const struct msb_graph_stage *stage = &graph->stages[i];
		char words[GRAPH_WORDS];

		fputs("<h2>", out);
		graph_put(out, stage->label);
		fprintf(out, ": %s</h2>\n", graph_stage_sum(stage, words));
		for (size_t j = 0; r >= 0 && j < stage->step_count; j++)
			r = put_step(out, graph, i, &stage->steps[j], err);
	}
	fprintf(out, "</main>\n%s</body></html>\n", script);
	return r;
}
