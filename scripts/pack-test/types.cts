// What the declarations promise to CommonJS. It is compiled, never run.
import mmap = require('mmap-io')

export function size(path: string): number {
  const mapping: mmap.MemoryMappedFile = mmap.MemoryMappedFile.openRoSync(path)
  return mapping.length + mmap.pageSize()
}
