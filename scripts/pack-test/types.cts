// What the declarations promise to CommonJS. It is compiled, never run.
import mmap = require('mmap-io')
import compat = require('mmap-io/compat')

export function size(path: string): number {
  const mapping: mmap.MemoryMappedFile = mmap.MemoryMappedFile.openRoSync(path)
  return mapping.length + mmap.pageSize()
}

export const first = (fd: number): number | undefined => compat.map(1, compat.PROT_READ, compat.MAP_PRIVATE, fd)[0]
