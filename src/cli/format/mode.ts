/** `-rw-r--r--`: the mode of a regular file, as `ls -l` writes it. */
export function formatMode(mode: number): string {
  // Owner, group, others: the bits of each, and the special bit that shows in place of its `x`.
  const classes = [
    { shift: 6, special: 0o4000, letter: 's' },
    { shift: 3, special: 0o2000, letter: 's' },
    { shift: 0, special: 0o1000, letter: 't' },
  ]
  const triples = classes.map(({ shift, special, letter }) => {
    const bits = mode >> shift
    const execute = mode & special ? (bits & 1 ? letter : letter.toUpperCase()) : bits & 1 ? 'x' : '-'
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${execute}`
  })
  return `-${triples.join('')}`
}
