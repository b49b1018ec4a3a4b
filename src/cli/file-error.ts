/** What to say when something fails with a file: the file's name is always part of it. */
export function messageFor(error: unknown, path: string): string {
  if (!(error instanceof Error)) return `${path}: ${error}`
  // An error that carries its path has it in its message already, as those of the operating system do.
  return 'path' in error ? error.message : `${path}: ${error.message}`
}
