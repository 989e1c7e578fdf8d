#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuse_ops.h"
#include "push.h"
#include "transport.h"
#include "waits.h"

/* Seconds; the kernel caps it. Nothing in a tree ever changes. */
#define FOREVER 1e9
#define MOMENT  0.005

static struct core *core_of(fuse_req_t request)
{
	const struct fuse_ops_context *context = fuse_req_userdata(request);

	return context->core;
}

static void want(struct fuse_conn_info *connection, unsigned capabilities)
{
	connection->want |= connection->capable & capabilities;
}

static void on_init(void *user_data, struct fuse_conn_info *connection)
{
	struct fuse_ops_context *context = user_data;

	/* AUTO_INVAL_DATA makes the kernel compare a directory's time before it repeats a listing
	 * it kept: that is how the names that can change stay true without an OPENDIR. */
	want(connection, FUSE_CAP_READDIRPLUS | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS |
				 FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_ASYNC_READ);
	if (context->handles)
		want(connection, FUSE_CAP_EXPORT_SUPPORT);
	/* The kernel keeps ACLs, and that there are none, and goes by them. It asks for a file's
	 * when somebody else than its owner opens it, which would cost an ordinary user's mount a
	 * request for each file. */
	if (!context->no_xattrs && geteuid() == 0)
		want(connection, FUSE_CAP_POSIX_ACL);
	connection->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_SPLICE_READ |
					FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	connection->max_write = FUSE_OPS_READ_MAX; /* sets the pages of a request, reads included */
	connection->max_read = FUSE_OPS_READ_MAX;  /* the mount option of this name says the same */
	connection->max_readahead = FUSE_OPS_READ_MAX;
	connection->max_background = FUSE_OPS_BACKGROUND;
	connection->congestion_threshold = FUSE_OPS_BACKGROUND * 3 / 4;
	context->ready(context->ready_context);
}

/* What may change is asked for again each time. But whoever names each file by its whole path would
 * ask for the same few directories at every step: what only builds change may be older, by less
 * than a build takes. */
static double timeout_of(const struct core_node *node, bool lasts, bool may_be_older)
{
	if (lasts)
		return FOREVER;
	return may_be_older && S_ISDIR(node->st.st_mode) ? MOMENT : 0;
}

static void fill_entry(fuse_req_t request, const struct core_node *node, bool of_builds,
		       struct fuse_entry_param *ret)
{
	const struct fuse_ops_context *context = fuse_req_userdata(request);

	*ret = (struct fuse_entry_param){
		.ino = node->id,
		.generation = context->generation,
		.attr = node->st,
		.attr_timeout = timeout_of(node, node->stat_lasts, core_is_of_builds(node->id)),
		.entry_timeout = timeout_of(node, node->name_lasts, of_builds),
	};
}

/* True: it is fetched first, and answered then. */
static bool wait_for(const struct waiting *waiting, waiting_fn run)
{
	const struct fuse_ops_context *context = fuse_req_userdata(waiting->request);

	return context->waits && waits_add(context->waits, waiting, run);
}

/* A node that is found is lent until it is forgotten. */
static int look_up(struct core *core, fuse_ino_t parent, const char *name, struct core_node *ret,
		   bool *ret_lasts)
{
	int r = core_lookup(core, parent, name, ret, ret_lasts);

	return r == 0 ? core_lend(core, ret->id, 1) : r;
}

static void answer_lookup(fuse_req_t request, fuse_ino_t parent, int r,
			  const struct core_node *node, bool lasts)
{
	struct fuse_entry_param entry = {.entry_timeout = FOREVER};
	struct core *core = core_of(request);

	if (r == 0)
		fill_entry(request, node, core_is_of_builds(parent), &entry);
	/* A name that will never be is an entry without a node, which the kernel keeps. */
	if (r == 0 || (r == -ENOENT && lasts)) {
		/* Nobody waits for it any more: nobody will forget it. */
		if (fuse_reply_entry(request, &entry) < 0 && r == 0)
			core_forget(core, node->id, 1);
	} else {
		fuse_reply_err(request, r == -EREMOTE ? EIO : -r);
	}
}

static void lookup_waiting(struct waits *waits, const struct waiting *waiting)
{
	struct core *core = waiting->core;
	struct core_node node;
	bool lasts;
	int r = look_up(core, waiting->id, waiting->name, &node, &lasts);

	if (waits_take(waits, waiting))
		answer_lookup(waiting->request, waiting->id, r, &node, lasts);
	else if (r == 0)
		core_forget(core, node.id, 1);
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct core *core = core_of(request);
	const struct waiting waiting = {
		.request = request, .core = core, .id = parent, .name = name};
	struct core_node node;
	bool lasts;
	int r = look_up(core, parent, name, &node, &lasts);

	if (r != -EREMOTE || !wait_for(&waiting, lookup_waiting))
		answer_lookup(request, parent, r, &node, lasts);
}

static void on_getattr(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	struct core_node node;
	int r = core_stat(core_of(request), id, &node);

	(void)file;
	if (r < 0)
		fuse_reply_err(request, -r);
	else
		fuse_reply_attr(request, &node.st,
				timeout_of(&node, node.stat_lasts, core_is_of_builds(id)));
}

static void on_readlink(fuse_req_t request, fuse_ino_t id)
{
	autofree char *target = NULL;
	int r = core_readlink(core_of(request), id, &target);

	if (r < 0)
		fuse_reply_err(request, -r);
	else
		fuse_reply_readlink(request, target);
}

/* ENOSYS: the kernel opens by itself from now on and keeps what it cached. */
static void on_open(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file)
{
	(void)id;
	(void)file;
	fuse_reply_err(request, ENOSYS);
}

/* A reply's bytes are kept by the thread for its next one: a fresh large allocation costs a page
 * fault for each of its pages. */
static _Thread_local struct reply_buffer {
	char *bytes;
	size_t size;
} reply_buffer;

static pthread_key_t reply_buffer_key;
static pthread_once_t reply_buffer_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
	pthread_key_create(&reply_buffer_key, free);
}

static char *buffer_of_thread(size_t size)
{
	struct reply_buffer *buffer = &reply_buffer;

	if (size <= buffer->size)
		return buffer->bytes;
	if (size > 2 * FUSE_OPS_READ_MAX)
		return NULL;
	pthread_once(&reply_buffer_once, make_key);
	free(buffer->bytes);
	*buffer = (struct reply_buffer){malloc(size), size};
	if (!buffer->bytes)
		buffer->size = 0;
	pthread_setspecific(reply_buffer_key, buffer->bytes);
	return buffer->bytes;
}

/* For a reply whose request has no name that is still needed. */
static char *reply_room(size_t size)
{
	char *room = transport_reply_buffer(size);

	return room ? room : buffer_of_thread(size);
}

static void read_waiting(struct waits *waits, const struct waiting *waiting)
{
	autofree char *bytes = malloc(waiting->size ? waiting->size : 1);
	ssize_t n = -ENOMEM;

	if (bytes)
		n = core_read(waiting->core, waiting->id, bytes, waiting->size,
			      (uint64_t)waiting->offset, NULL);
	if (!waits_take(waits, waiting))
		return;
	if (n < 0)
		fuse_reply_err(waiting->request, n == -EREMOTE ? EIO : (int)-n);
	else
		fuse_reply_buf(waiting->request, bytes, (size_t)n);
}

static void on_read(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset,
		    struct fuse_file_info *file)
{
	const struct fuse_ops_context *context = fuse_req_userdata(request);
	const struct waiting waiting = {.request = request,
					.core = context->core,
					.id = id,
					.size = size,
					.offset = offset};
	char *bytes = reply_room(size);
	struct core_place place = {0};
	ssize_t n = -ENOMEM;

	(void)file;
	if (bytes)
		n = core_read(context->core, id, bytes, size, (uint64_t)offset, &place);
	if (n == -EREMOTE && wait_for(&waiting, read_waiting))
		return;
	if (context->push && n > 0 && offset == 0 && place.directory)
		push_saw_read(context->push, &place);
	if (n < 0)
		fuse_reply_err(request, n == -EREMOTE ? EIO : (int)-n);
	else
		fuse_reply_buf(request, bytes, (size_t)n);
}

/* A directory's listing on its way into a reply. */
struct listing {
	fuse_req_t request;
	bool plus;
	char *bytes;
	size_t size, used;
	uint64_t lookups; /* nodes in it, all of one tree */
	uint64_t node;    /* one of them */
};

static bool list_one(void *context, const char *name, const struct core_node *node, uint64_t next)
{
	struct listing *listing = context;
	struct fuse_entry_param entry;
	char *to = listing->bytes + listing->used;
	size_t room = listing->size - listing->used, taken;

	if (listing->plus) {
		fill_entry(listing->request, node, false, &entry);
		taken = fuse_add_direntry_plus(listing->request, to, room, name, &entry,
					       (off_t)next);
	} else {
		taken = fuse_add_direntry(listing->request, to, room, name, &node->st, (off_t)next);
	}
	if (taken > room)
		return false;
	listing->used += taken;
	if (listing->plus && node->id) {
		listing->lookups++;
		listing->node = node->id;
	}
	return true;
}

/* What was listed before a failure is given first; the next request meets it again. */
static int fill_listing(struct core *core, fuse_ino_t id, off_t offset, struct listing *listing)
{
	int r = -ENOMEM;

	if (listing->bytes)
		r = core_list(core, id, (uint64_t)offset, list_one, listing);
	if (listing->used)
		r = core_lend(core, listing->node, listing->lookups);
	return r;
}

static void answer_listing(struct core *core, const struct listing *listing, int r)
{
	if (r < 0)
		fuse_reply_err(listing->request, r == -EREMOTE ? EIO : -r);
	else if (fuse_reply_buf(listing->request, listing->bytes, listing->used) < 0 &&
		 listing->lookups)
		core_forget(core, listing->node, listing->lookups);
}

static void list_waiting(struct waits *waits, const struct waiting *waiting)
{
	autofree char *bytes = malloc(waiting->size ? waiting->size : 1);
	struct listing listing = {.request = waiting->request,
				  .plus = waiting->plus,
				  .bytes = bytes,
				  .size = waiting->size};
	int r = fill_listing(waiting->core, waiting->id, waiting->offset, &listing);

	if (waits_take(waits, waiting))
		answer_listing(waiting->core, &listing, r);
	else if (r == 0 && listing.lookups)
		core_forget(waiting->core, listing.node, listing.lookups);
}

static void list(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, bool plus)
{
	const struct fuse_ops_context *context = fuse_req_userdata(request);
	const struct waiting waiting = {.request = request,
					.core = context->core,
					.id = id,
					.size = size,
					.offset = offset,
					.plus = plus};
	struct listing listing = {
		.request = request, .plus = plus, .bytes = reply_room(size), .size = size};
	int r = fill_listing(context->core, id, offset, &listing);

	if (r == -EREMOTE && wait_for(&waiting, list_waiting))
		return;
	if (context->push && plus && r == 0 && offset && listing.used == 0)
		push_saw_list(context->push, id);
	answer_listing(context->core, &listing, r);
}

static void on_readdir(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset,
		       struct fuse_file_info *file)
{
	(void)file;
	list(request, id, size, offset, false);
}

static void on_readdirplus(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset,
			   struct fuse_file_info *file)
{
	(void)file;
	list(request, id, size, offset, true);
}

static void reply_xattr(fuse_req_t request, const char *value, ssize_t n, size_t size)
{
	if (n < 0)
		fuse_reply_err(request, (int)-n);
	else if (size == 0)
		fuse_reply_xattr(request, (size_t)n);
	else
		fuse_reply_buf(request, value, (size_t)n);
}

static bool refuse_xattrs(fuse_req_t request)
{
	const struct fuse_ops_context *context = fuse_req_userdata(request);

	if (context->no_xattrs)
		fuse_reply_err(request, ENOSYS);
	return context->no_xattrs;
}

static void on_getxattr(fuse_req_t request, fuse_ino_t id, const char *name, size_t size)
{
	char *value;
	ssize_t n = -ENOMEM;

	if (refuse_xattrs(request))
		return;
	value = buffer_of_thread(size ? size : 1);
	if (value)
		n = core_xattr(core_of(request), id, name, value, size);
	reply_xattr(request, value, n, size);
}

static void on_listxattr(fuse_req_t request, fuse_ino_t id, size_t size)
{
	char *value;
	ssize_t n = -ENOMEM;

	if (refuse_xattrs(request))
		return;
	value = buffer_of_thread(size ? size : 1);
	if (value)
		n = core_xattr_list(core_of(request), id, value, size);
	reply_xattr(request, value, n, size);
}

static void on_lseek(fuse_req_t request, fuse_ino_t id, off_t offset, int whence,
		     struct fuse_file_info *file)
{
	uint64_t at;
	int r = offset < 0 ? -EINVAL
			   : core_seek(core_of(request), id, (uint64_t)offset, whence, &at);

	(void)file;
	if (r < 0)
		fuse_reply_err(request, -r);
	else
		fuse_reply_lseek(request, (off_t)at);
}

static void on_statfs(fuse_req_t request, fuse_ino_t id)
{
	struct statvfs totals;
	int r = core_statfs(core_of(request), &totals);

	(void)id;
	if (r < 0)
		fuse_reply_err(request, -r);
	else
		fuse_reply_statfs(request, &totals);
}

static void on_forget(fuse_req_t request, fuse_ino_t id, uint64_t lookups)
{
	core_forget(core_of(request), id, lookups);
	fuse_reply_none(request);
}

static void on_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		core_forget(core_of(request), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(request);
}

/* The mount is read-only, so that the kernel refuses every change by itself. */
const struct fuse_lowlevel_ops fuse_ops = {
	.init = on_init,
	.lookup = on_lookup,
	.forget = on_forget,
	.forget_multi = on_forget_multi,
	.getattr = on_getattr,
	.readlink = on_readlink,
	.open = on_open,
	.read = on_read,
	.opendir = on_open,
	.readdir = on_readdir,
	.readdirplus = on_readdirplus,
	.getxattr = on_getxattr,
	.listxattr = on_listxattr,
	.lseek = on_lseek,
	.statfs = on_statfs,
};
