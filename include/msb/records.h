/*
 * The store's records, as readers see them: builds with their stages and steps, and images by
 * tag. Every call reads the newest committed state. Results are owned by the caller and released
 * with the matching _free, which takes NULL.
 */
#ifndef MSB_RECORDS_H
#define MSB_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

enum msb_state {
	MSB_RUNNING = 0, /* also what a killed builder leaves behind */
	MSB_DONE = 1,
	MSB_CACHED = 2, /* a step only: taken from an earlier one */
	MSB_FAILED = 3,
};

struct msb_build {
	int64_t id; /* 1, 2, 3… */
	enum msb_state state;
	int64_t started_ns;  /* since 1970 */
	int64_t finished_ns; /* 0: not yet */
	char *dockerfile_name;
	struct msb_digest dockerfile; /* blob: its text */
	char *target;                 /* label of the target stage */
	char *tags;                   /* space-separated; "" for none */
	char *error;                  /* NULL unless failed */
	size_t stage_count;           /* stages of the Dockerfile, wanted or not */
};

struct msb_stage {
	int64_t build;
	size_t index;
	char *name; /* NULL: unnamed */
	enum msb_state state;
	size_t step_count; /* planned, FROM included */
	bool has_tree;
	/* After its newest step; of a failed step: as the command left it. */
	struct msb_digest tree;
};

/* What a stage is called: its name, else its index in digits, for which text has room. Returns one
 * of the two. */
#define MSB_STAGE_LABEL 24
static inline const char *msb_stage_label(const struct msb_stage *stage, char text[MSB_STAGE_LABEL])
{
	if (stage->name)
		return stage->name;
	snprintf(text, MSB_STAGE_LABEL, "%zu", stage->index);
	return text;
}

struct msb_step {
	int64_t build;
	size_t stage;
	size_t number; /* 1 is FROM */
	enum msb_state state;
	int line, end_line;
	char *text;     /* as written */
	char *expanded; /* with values */
	bool has_tree;
	struct msb_digest tree;
	bool has_log;
	struct msb_digest log;    /* blob: what it printed */
	struct msb_digest config; /* blob: the configuration after it, JSON */
	struct msb_digest key;    /* of the step cache */
	char *definition; /* what the key was made of, a component a line; behind it "argument"
			     and "reads" lines, which did not count: the ARGs in effect, and
			     what the step read */
	int64_t started_ns;
	int64_t duration_ns;
	int exit_status; /* of a failed RUN */
};

struct msb_image {
	char *name; /* normalized reference "docker.io/library/node:latest"; NULL: untagged */
	struct msb_digest id;       /* of the config document, which is a blob */
	struct msb_digest manifest; /* of the manifest document, which is a blob */
	struct msb_digest tree;
	int64_t created_ns;
	uint64_t size; /* bytes of all files of its tree, hard links once */
};

/* Newest first. limit 0: all. */
int msb_records_builds(struct msb_store *store, size_t limit, struct msb_build **ret,
		       size_t *ret_count, struct msb_error *err);
/* id 0: the newest. -ENOENT when there is none. */
int msb_records_build(struct msb_store *store, int64_t id, struct msb_build **ret,
		      struct msb_error *err);
void msb_builds_free(struct msb_build *builds, size_t count);

/* By index; only stages that the build wanted. */
int msb_records_stages(struct msb_store *store, int64_t build, struct msb_stage **ret,
		       size_t *ret_count, struct msb_error *err);
void msb_stages_free(struct msb_stage *stages, size_t count);

/* By number; only steps that were begun. */
int msb_records_steps(struct msb_store *store, int64_t build, size_t stage, struct msb_step **ret,
		      size_t *ret_count, struct msb_error *err);
void msb_steps_free(struct msb_step *steps, size_t count);

/* Tagged and untagged, newest first. */
int msb_records_images(struct msb_store *store, struct msb_image **ret, size_t *ret_count,
		       struct msb_error *err);
/* By its normalized name. -ENOENT when there is none. */
int msb_records_image(struct msb_store *store, const char *name, struct msb_image **ret,
		      struct msb_error *err);
void msb_images_free(struct msb_image *images, size_t count);

/* That a registry has an image under this digest, as a pull or a push saw it. */
struct msb_origin {
	char *repository;         /* normalized, without a tag: "docker.io/library/node" */
	struct msb_digest digest; /* of a manifest or an index */
	struct msb_digest image;  /* its ID */
};
/* By repository. */
int msb_records_origins(struct msb_store *store, struct msb_origin **ret, size_t *ret_count,
			struct msb_error *err);
void msb_origins_free(struct msb_origin *origins, size_t count);

/* A number that differs whenever any record visible here may have changed; nanoseconds since 1970
 * of the last change, so that it can serve as a directory's time. */
int msb_records_changed(struct msb_store *store, int64_t *ret_ns, struct msb_error *err);

/* A small number that stands for this tree in this store for good: the first tree ever committed
 * is 1. -ENOENT for a tree that no record ever named. */
int msb_records_tree_number(struct msb_store *store, const struct msb_digest *tree, uint32_t *ret,
			    struct msb_error *err);
/* A number that this store drew once and keeps. Whoever makes an image cannot know it, and so not
 * make two contents that look the same to a hash seeded with it. */
int msb_records_secret(struct msb_store *store, uint64_t *ret, struct msb_error *err);

#endif
