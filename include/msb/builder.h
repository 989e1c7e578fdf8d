/*
 * msb as a library: everything its command line does. One call an operation; each opens the store
 * at root by itself, makes it where the operation writes, and leaves it sound however it ends.
 *
 * Nothing here writes to stdout or stderr: what happens while a build runs is told through
 * events, what went wrong through struct msb_error.
 */
#ifndef MSB_BUILDER_H
#define MSB_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>
#include <msb/records.h>
#include <msb/tree_diff.h>

/* --- Building --------------------------------------------------------------------------- */

struct msb_build_options {
	const char *context;     /* directory; URL of a repository; "-": standard input, a tar, or a
				    Dockerfile without a context */
	const char *dockerfile;  /* path, in CONTEXT where that is no directory; NULL:
				    CONTEXT/Dockerfile; "-": standard input */
	const char *const *tags; /* as users write them; NULL-terminated, as the lists below; may
				    be NULL for none */
	const char *const *build_args;     /* NAME=VALUE, or NAME for this process's own value */
	const char *const *build_contexts; /* "NAME=DIRECTORY|docker-image://…|oci-layout://…" */
	const char *const *labels;         /* NAME=VALUE */
	const char *const *no_cache_filter; /* stages */
	const char *const *secrets;         /* "id=NAME[,src=FILE|,env=NAME]" */
	const char *const *hosts;           /* "NAME:ADDRESS" or "NAME=ADDRESS", for RUN */
	const char *const *agents;          /* --ssh: "default", "NAME=SOCKET" or
				       "NAME=KEYFILE[,KEYFILE…]" */
	const char *const *outputs;         /* "type=local|tar|oci|docker,dest=PATH"; "DIR", "-";
					       "type=image,name=NAME,push=true" */
	const char *const *cache_from; /* "type=registry,ref=REF", "type=local,src=DIR", "REF" */
	const char *const *cache_to; /* "type=registry,ref=REF[,mode=max]", "type=local,dest=DIR" */
	const char *const *targets;  /* stage names or numbers; none: the last stage. Names
					and outputs are for the last one */
	const char *const *annotations; /* "[manifest:]NAME=VALUE", of the images' manifests */
	const char *const *ulimits;     /* of RUN: "NAME=SOFT[:HARD]" */
	const char *const *allowed;     /* "security.insecure", "network.host": what RUN may ask
					   for; others mean nothing here */
	const char *const *security;    /* of RUN: "seccomp=FILE", "seccomp=unconfined"; others
					   mean nothing here */
	const char *shm_size;           /* of RUN: "64m"; NULL: that */
	const char *timestamp; /* seconds since 1970 that the images are made at; NULL: what
				  SOURCE_DATE_EPOCH says, else now */
	const char *platform;  /* NULL: this machine's */
	const char *network;   /* of RUN: NULL or "default", "host", "none" */
	bool no_cache;
	bool pull;    /* ask the registry for base images also where they are in the store */
	bool explain; /* a note for each step that missed the cache: what differed */
	size_t jobs;  /* stages built at once; 0: one a core */
	int stop_fd;  /* once there is something to read, or its end, the build is to stop: its
			 commands are ended, and it fails with -ECANCELED. 0: nobody will ask */
};

enum msb_event_kind {
	MSB_EVENT_BEGIN,  /* a step starts */
	MSB_EVENT_OUTPUT, /* it printed something */
	MSB_EVENT_END,    /* it ended, state says how */
	MSB_EVENT_NOTE,   /* a sentence about the build: exporting, warnings */
};

/* Borrowed, valid during the call. Calls come from several threads, never two at a time. */
struct msb_event {
	enum msb_event_kind kind;
	size_t vertex;        /* 1, 2, 3… in the order of beginning: "#4" */
	const char *stage;    /* name or number; "" with MSB_EVENT_NOTE */
	size_t step, steps;   /* "[build 2/5]" */
	const char *text;     /* the instruction with its values; NOTE: the sentence */
	enum msb_state state; /* END: MSB_DONE, MSB_CACHED, MSB_FAILED; MSB_RUNNING: it was ended
				 before its time, because the build fails or stops */
	int64_t duration_ns;  /* END */
	const char *output;   /* OUTPUT: bytes as they came */
	size_t output_size;
	int output_fd;     /* 1 or 2 */
	const char *error; /* END of a failed step */
};
typedef void (*msb_event_fn)(void *context, const struct msb_event *event);

/* One of the stages that were asked for. */
struct msb_build_target {
	char *label; /* name or number; owned */
	struct msb_digest image, manifest, tree;
	uint64_t manifest_size;
};

struct msb_build_result {
	int64_t build; /* its number; 0: it failed before it had one (a malformed Dockerfile…) */
	/* Of a build that succeeded, in the order asked for; owned. */
	struct msb_build_target *targets;
	size_t target_count;
	bool used_stdout; /* an output went to file descriptor 1 */
	/* Of a build that failed in a step: */
	bool failed_in_step;
	char *failed_stage; /* name or number; owned */
	size_t failed_step, failed_steps;
	int exit_status;  /* of a RUN; 0 otherwise */
	char *excerpt;    /* the Dockerfile around the instruction, its lines marked ">>>"; owned */
	char *failed_log; /* the last of what the step printed; owned */
};

/* 0, or a negative code: the build's own failure (err then reads "Dockerfile:7: …"). result is
 * filled in either case. */
int msb_build(const char *root, const struct msb_build_options *options, msb_event_fn event,
	      void *context, struct msb_build_result *result, struct msb_error *err);
void msb_build_result_done(struct msb_build_result *result);

/* What a Dockerfile tells without being built. */
enum msb_call {
	MSB_CALL_CHECK,   /* what BuildKit's rules say against it; without targets of all stages */
	MSB_CALL_OUTLINE, /* arguments, secrets and agents of the (last) target */
	MSB_CALL_TARGETS, /* its stages */
};

/* *ret: text for people, or JSON with docker's keys; owned. *ret_warnings: how many the check has,
 * whatever the call. Base images that are not in the store are taken for bare ones. */
int msb_build_call(const char *root, const struct msb_build_options *options, enum msb_call call,
		   bool json, char **ret, size_t *ret_warnings, struct msb_error *err);

/* --- Images ----------------------------------------------------------------------------- */

/* path "-": standard input. each, which may be NULL, is called for every image loaded. */
int msb_image_load(const char *root, const char *path,
		   int (*each)(void *context, const struct msb_image *image), void *context,
		   struct msb_error *err);

/* A root file system tar as an image. name may be NULL. changes: Dockerfile instructions. */
int msb_image_import(const char *root, const char *path, const char *name,
		     const char *const *changes, const char *message, struct msb_digest *ret_id,
		     struct msb_error *err);

/* names: references, IDs or prefixes of IDs. */
int msb_image_save(const char *root, const char *const *names, size_t count, int fd,
		   struct msb_error *err);
int msb_image_tag(const char *root, const char *source, const char *name, struct msb_error *err);
/* What was taken away comes as lines "Untagged: node:latest", "Deleted: sha256:…"; owned. */
int msb_image_remove(const char *root, const char *name, char **ret_said, struct msb_error *err);
/* Docker's `inspect` object for this image, pretty-printed JSON; owned. */
int msb_image_inspect(const char *root, const char *name, char **ret, struct msb_error *err);

struct msb_history_line {
	int64_t created_ns;
	char *created_by; /* owned */
	char *comment;    /* owned */
	uint64_t size;    /* of the layer */
	bool empty_layer;
	bool has_tree; /* not where the store knows nothing of the layer */
	struct msb_digest tree;
};
/* Newest first. */
int msb_image_history(const char *root, const char *name, struct msb_history_line **ret,
		      size_t *ret_count, struct msb_error *err);
void msb_history_free(struct msb_history_line *lines, size_t count);

/* "node" to "docker.io/library/node:latest"; owned. -EINVAL for what is no reference. */
int msb_reference_normalize(const char *text, char **ret, struct msb_error *err);
/* "docker.io/library/node:latest" to "node" and "latest"; owned. */
int msb_reference_split(const char *normalized, char **ret_repository, char **ret_tag,
			struct msb_error *err);

/* --- Registries ------------------------------------------------------------------------- */

/* How far a layer is, or with no layer, the image as a whole. */
enum msb_transfer_state {
	MSB_TRANSFER_BEGIN,     /* the image was found; what follows is about its layers */
	MSB_TRANSFER_WAITING,   /* to be fetched or sent */
	MSB_TRANSFER_PRESENT,   /* there already */
	MSB_TRANSFER_PREPARING, /* being compressed */
	MSB_TRANSFER_MOVING,    /* done of total bytes */
	MSB_TRANSFER_FETCHED,   /* here, not yet unpacked */
	MSB_TRANSFER_DONE,
	MSB_TRANSFER_MOUNTED, /* the registry had it, in repository `from` */
};

/* Borrowed, valid during the call. Calls come from several threads, never two at a time. */
struct msb_transfer {
	enum msb_transfer_state state;
	const char *image;              /* normalized: "docker.io/library/node:latest" */
	const struct msb_digest *layer; /* pull: of the blob; push: its diff ID */
	uint64_t done, total;
	const char *from;
};
typedef void (*msb_transfer_fn)(void *context, const struct msb_transfer *transfer);

/* Layers with a table of contents (eStargz, zstd:chunked) can stay in the registry: the image is
 * there at once, and a file's bytes come when somebody reads them. */
enum msb_lazy { MSB_LAZY_NO, MSB_LAZY_YES, MSB_LAZY_AS_CONFIGURED };

struct msb_pull_options {
	const char *name;     /* as users write it, a tag or a digest behind it */
	const char *platform; /* "linux/arm64"; NULL: this machine's */
	enum msb_lazy lazy;
	bool hurried; /* a reader waits for it: a registry that does not answer is given up soon */
};
struct msb_pull_result {
	struct msb_digest digest; /* of what the name stands for, an image or an index of images */
	struct msb_digest image;  /* ID */
	bool changed;             /* something new came */
	size_t left, fetched;     /* layers that stayed where they are, and those that came */
};
int msb_image_pull(const char *root, const struct msb_pull_options *options, msb_transfer_fn tell,
		   void *context, struct msb_pull_result *ret, struct msb_error *err);

/* The tags that the registry has in the repository of this name, in its order: NULL-terminated,
 * each and the list owned by the caller. */
int msb_image_tags(const char *name, char ***ret, struct msb_error *err);

/* Brings what a mount asks for over a socket (fd, SOCK_SEQPACKET) into the store, until its other
 * end is closed. */
int msb_serve_fetches(const char *root, int fd, struct msb_error *err);

struct msb_push_options {
	const char *name; /* of an image in the store, and where it goes */
	/* Of layers that have no compressed form yet: "gzip", "zstd", "none" (also called
	 * "uncompressed"); NULL: gzip. Of all layers, so that they can be pulled lazily: "estargz",
	 * which makes another image of it, and "zstd:chunked". */
	const char *compression;
	int level;         /* 0: the compression's own default; gzip 1 to 9, zstd 1 to 19 */
	bool force;        /* also of layers that have one of another compression */
	bool docker_types; /* the manifest is one of Docker's (schema 2), not one of OCI's */
};
struct msb_push_result {
	struct msb_digest digest; /* of the manifest */
	uint64_t size;            /* of the manifest */
};
int msb_image_push(const char *root, const struct msb_push_options *options, msb_transfer_fn tell,
		   void *context, struct msb_push_result *ret, struct msb_error *err);

/* server: "host:port", NULL for Docker Hub. Asks the registry first, then keeps the credentials
 * where docker login does. */
int msb_login(const char *server, const char *user, const char *password, struct msb_error *err);
/* *ret_known: there was something to forget. */
int msb_logout(const char *server, bool *ret_known, struct msb_error *err);

/* --- Looking into trees without a mount --------------------------------------------------- */

/*
 * A REF names a tree: "build" or "0" (a stage of the newest build), "build@4" (after its step 4),
 * "7/build@4" (of build 7), "image:NAME", "tree:sha256:…"; a plain image reference where no stage
 * has that name. "Dockerfile:17" is the state of the newest build after the instruction on that
 * line.
 */

/* before and after: REFs, or "dir:PATH", a directory on disk. An entry of the latter has no digest
 * where no content had to be read, and hard links in it do not count. */
int msb_diff(const char *root, const char *before, const char *after, msb_diff_fn each,
	     void *context, struct msb_error *err);
/* Calls each (change MSB_ADDED) for all that is in the directory at path, by name, or for the one
 * file there. */
int msb_list(const char *root, const char *ref, const char *path, msb_diff_fn each, void *context,
	     struct msb_error *err);
/* The bytes of the file at path. */
int msb_read_file(const char *root, const char *ref, const char *path, int fd,
		  struct msb_error *err);
/* The file or directory at path of the tree, to destination, as `cp -a` (owners only for root). An
 * existing directory receives it under its own name. destination "-": as a tar to fd 1. */
int msb_copy_out(const char *root, const char *ref, const char *path, const char *destination,
		 struct msb_error *err);
/* What lies below the directory at path, or the file there under its own name, into a directory,
 * which is made where it is missing and otherwise keeps what has other names. Owners are this
 * process's.
 */
int msb_copy_into(const char *root, const char *ref, const char *path, const char *directory,
		  struct msb_error *err);
/* The tree as a tar. since: another REF; then only what differs from it, as an OCI layer has it,
 * with whiteouts for what is gone. NULL: all of it. */
int msb_export(const char *root, const char *ref, const char *since, int fd, struct msb_error *err);
/* What a step (or all steps of a stage or build: "7", "7/build") printed. times: before each line
 * the seconds since the step began, and "1>" or "2>", the stream it came by. */
int msb_log(const char *root, const char *ref, bool times, int fd, struct msb_error *err);

/* The same of a build that runs, as it prints it, until that has ended. ref may be NULL: the newest
 * build. */
int msb_log_follow(const char *root, const char *ref, bool times, int fd, struct msb_error *err);

/* It is running on record, and nobody works on it. */
bool msb_build_was_killed(struct msb_store *store, const struct msb_build *build);

struct msb_debug_options {
	const char *ref;         /* NULL: the failed step of the newest build, else its target */
	bool before;             /* the tree that the step began with */
	const char *user;        /* NULL: the step's */
	const char *network;     /* "default", "host", "none"; NULL: the step's */
	const char *const *argv; /* NULL or empty: a shell */
	const char *const *secrets, *const *agents; /* as of a build; the step's that are not given
						       are left out */
	const char *keep; /* make an image of this name of the tree as the command leaves it */
	bool busybox;     /* lend it the host's busybox, at /.msb/busybox, as its shell */
	bool terminal;    /* standard input and output are one, and so are the command's */
	int stop_fd;      /* as of a build */
	void (*note)(const char *sentence); /* what there is to know besides; NULL: nobody asks */
};

/*
 * A command in a throw-away copy of a tree, with the environment, directory, user and mounts of its
 * step (or image) and this process's standard streams. A shell finds a RUN's command in its
 * history. *ret_status is the command's own, as sandboxed commands have it: 126 and 127 for one
 * that cannot be executed or is not there.
 */
int msb_debug(const char *root, const struct msb_debug_options *options, int *ret_status,
	      struct msb_error *err);

/* What differs from the most similar step of an earlier build. */
struct msb_reason {
	const char *component;      /* of the step's definition: "env", "content", "tree"… */
	const char *before, *after; /* its value; NULL: none, or none that says anything */
	const char *text;           /* "argument VERSION changed from '1' to '2'" */
};

/* Borrowed, valid during the call. */
struct msb_explained {
	int64_t build;
	const char *stage; /* name or number */
	size_t step, steps;
	const char *text;     /* the instruction with its values */
	enum msb_state state; /* MSB_CACHED: a hit, without reasons */
	bool is_base;         /* a FROM: it is looked up, neither hit nor miss */
	int64_t compared;     /* the earlier build that it is compared with; 0: none */
	const struct msb_reason *reasons;
	size_t reason_count;
};
typedef int (*msb_explain_fn)(void *context, const struct msb_explained *step,
			      struct msb_error *err);

/* Why steps missed the cache: of a build ("7"; NULL: the newest), a stage ("build", "7/build") or
 * one ("build@4"). A negative return of each ends it. */
int msb_explain(const char *root, const char *ref, msb_explain_fn each, void *context,
		struct msb_error *err);

/* --- The store and the host ---------------------------------------------------------------- */

/* Makes an empty store at root where there is none yet. */
int msb_store_make(const char *root, struct msb_error *err);
/* Removes what processes that were killed have left in its scratch directories; the next that
 * writes would do it too. Of an ordinary user the process must have one thread. */
int msb_store_sweep(const char *root, struct msb_error *err);

struct msb_fsck_options {
	bool quick;  /* records and directories alone, no contents of files */
	bool repair; /* forget what is damaged, so that it is made anew */
};

struct msb_fsck_result {
	uint64_t problems;
	uint64_t remote; /* blobs that are wanted and still in their registries: no problem */
};

/* line: what is wrong, who refers to it, what to do; borrowed. */
typedef void (*msb_problem_fn)(void *context, const char *line);

/* 0 when the check came to its end, whatever it found: see result. Builds may go on meanwhile,
 * unless it repairs. */
int msb_fsck(const char *root, const struct msb_fsck_options *options, msb_problem_fn each,
	     void *context, struct msb_fsck_result *result, struct msb_error *err);

struct msb_prune_options {
	bool dry_run;       /* say what would go, and leave all as it is */
	bool all_images;    /* named images too that no kept build shows */
	bool caches;        /* the directories of RUN --mount=type=cache too */
	size_t keep_builds; /* so many of the newest stay */
	int64_t until_ns;   /* only what was made before; 0: whenever */
};

struct msb_prune_result {
	uint64_t builds, images, cached_steps, layers, blobs, caches; /* that went */
	uint64_t bytes; /* on the disk; of a dry run: in the blobs and caches that would go */
	uint64_t open;  /* trees that stay because mounts have them open; of a dry run: 0 */
	bool crowded;   /* the disk was too full to part what stays from what went: not all of the
			   room is back */
};

/* Removes what is wanted no more, and then all that nothing reaches. Waits a minute for running
 * builds (-EBUSY), and new ones wait for it. Mounts go on: a tree stays as long as a file or
 * directory of it is in use there. */
int msb_prune(const char *root, const struct msb_prune_options *options,
	      struct msb_prune_result *result, struct msb_error *err);

/* What takes room. What several kinds share counts with the first of them. */
enum msb_usage_kind {
	MSB_USAGE_IMAGES,
	MSB_USAGE_BUILDS, /* trees of stages and steps */
	MSB_USAGE_CACHE,  /* of the step cache, beside those */
	MSB_USAGE_LOGS,
	MSB_USAGE_CACHES,  /* of RUN --mount=type=cache */
	MSB_USAGE_GARBAGE, /* what nothing reaches */
	MSB_USAGE_KINDS,
};

struct msb_usage {
	uint64_t count;
	uint64_t bytes;
	uint64_t reclaimable; /* of bytes: what a prune without options removes; of caches
				 with --caches */
};

int msb_usage(const char *root, struct msb_usage ret[MSB_USAGE_KINDS], struct msb_error *err);

/* How many bytes an image takes, and how many of them no other image shares. In the order of
 * msb_records_images(); owned by the caller. */
struct msb_image_usage {
	struct msb_digest id;
	uint64_t bytes;
	uint64_t unique;
};
int msb_image_usages(const char *root, struct msb_image_usage **ret, size_t *ret_count,
		     struct msb_error *err);

/* The directories that RUN --mount=type=cache,id=ID lends. */
struct msb_cache {
	char *id;           /* owned */
	size_t directories; /* several where sharing=private met itself */
	uint64_t bytes;     /* on the disk */
	int64_t used_ns;    /* when a step took it last */
	bool busy;          /* a step has it now */
};
/* By id; owned by the caller. */
int msb_caches(const char *root, struct msb_cache **ret, size_t *ret_count, struct msb_error *err);
void msb_caches_free(struct msb_cache *caches, size_t count);
/* -ENOENT; -EBUSY while a step has it. */
int msb_cache_remove(const char *root, const char *id, struct msb_error *err);

/* How many builds a prune keeps unless told otherwise: $MSB_KEEP_BUILDS, else 20. */
int msb_keep_builds(size_t *ret, struct msb_error *err);

struct msb_host_fact {
	const char *name; /* constant */
	bool good;
	char text[256]; /* what was found, or what to do */
};
/* What msb needs and whether this host has it; the list is constant in length. */
int msb_host_facts(const char *root, struct msb_host_fact **ret, size_t *ret_count,
		   struct msb_error *err);

#endif
