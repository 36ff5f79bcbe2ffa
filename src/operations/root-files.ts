/** Without this a client may rewrite line ends, and a value would no longer be the value. */
export const gitAttributes = '* -text\n*.gpg diff=gpg\n';

/** What a repository says of itself to whoever finds it without treekeeper at hand. Part of the format: keep it true. */
export const repositoryReadme = `# Snapshots of configuration stores

treekeeper wrote this repository. Each directory at the top is one store: the tree of a live service (ZooKeeper, etcd,
Consul or a plain directory) as it was at each commit. It needs no tool but git to be read.

    git log                         what changed, when
    git log -p -- STORE             the same for one store, with the values
    git diff A B -- STORE           two snapshots, key by key
    git show COMMIT:STORE/app/db    one value, byte for byte

## From files to keys

- A file is a node: its path below the store is the key, its bytes are the value.
- A directory is the common part of longer keys. \`DIR/%value\` is the value of the key DIR itself, where it has one;
  \`DIR/%null\` says that the node DIR exists, without any value and without children.
- \`NAME%attrs.json\` (\`DIR/%attrs.json\`) holds what a node has beside its value, where that is not the default.
- \`NAME.gpg\` (\`DIR/%value.gpg\`) is a value encrypted with OpenPGP: \`gpg -d\` opens it.
- \`%XX\` is the byte with that hexadecimal number; \`%_\` is an empty segment (as in \`a//b\`).
- Directories ending in \`%+\` are pieces of one long segment: join their names, without \`%+\`, with the last one.
- \`%rel/\` (etcd) holds the keys that do not begin with a slash. All others do.
- \`%long/XX/HASH\` are nodes with very long keys; the key itself is in \`HASH%key\`.
- \`%keys/\` at the top holds the public keys that values are encrypted to.
- \`%store.json\` names the format version, the kind of service, and the root that was taken off every key.

## Restoring

    treekeeper restore latest SERVICE

creates the nodes that are missing in the service, and never overwrites or deletes one. Without treekeeper, read the
files as above and write them with the tools of the service.
`;
