#include "internal.h"

int tree_key(struct msb_store *store, const struct msb_digest *tree, struct msb_digest *ret,
	     struct msb_error *err)
{
	autobuffer bytes = {0};
	struct msb_found root;
	int r = msb_tree_find(store, tree, "/", 0, &root, err);

	if (r < 0)
		return r;
	buffer_u16(&bytes, root.entry.mode);
	buffer_u32(&bytes, root.entry.uid);
	buffer_u32(&bytes, root.entry.gid);
	buffer_append(&bytes, root.entry.key.bytes, MSB_DIGEST_SIZE);
	buffer_append(&bytes, root.entry.xattrs, root.entry.xattrs_size);
	msb_found_done(&root);
	if (!buffer_ok(&bytes))
		return msb_error_memory(err);
	msb_digest_of(bytes.bytes, bytes.size, ret);
	return 0;
}
