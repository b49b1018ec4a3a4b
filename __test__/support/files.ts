import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** A folder of its own for one test, removed when the test ends, whatever its outcome. */
export function tempFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mmap-io-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A file with the given content in a folder of its own. */
export function tempFile(t: ExecutionContext, content: string | Uint8Array = ''): string {
  const path = join(tempFolder(t), 'file.bin')
  writeFileSync(path, content)
  return path
}

/** A file of `size` bytes that takes no room on the disk. */
export function sparseFile(t: ExecutionContext, size: number): string {
  const path = tempFile(t)
  truncateSync(path, size)
  return path
}

/** Bytes that differ from their neighbours and from page to page. */
export function pattern(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff))
}
