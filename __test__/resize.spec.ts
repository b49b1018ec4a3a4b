/** Growing and shrinking. */
import { appendFileSync, readFileSync, statSync, truncateSync } from 'node:fs'
import test from 'ava'
import { MemoryMappedFile, type MmapIoError, pageSize } from '#mmap-io'
import { onUnix, withEmptiedViews, withLiveViews, withLiveViewsOnUnix, withoutLimit } from './support/conditions.ts'
import { pattern, sparseFile, tempFile } from './support/files.ts'
import { isEmptied, isLive } from './support/view.ts'

const page = pageSize()

withLiveViews('growing keeps every view valid and coherent, and new bytes are zero', async (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = await MemoryMappedFile.openRw(path)
  const old = mapping.asSlice()
  const numbers = mapping.typedArray(Uint8Array, 0, 10)
  await mapping.resize(5 * page)
  t.is(mapping.length, 5 * page)
  t.is(statSync(path).size, 5 * page)
  t.deepEqual(mapping.readBytes(100), Buffer.alloc(5 * page - 100))
  mapping.updateRegion(50, 'new')
  t.is(old.toString('latin1', 50, 53), 'new')
  old[0] = 0xee
  numbers[1] = 0xdd
  t.deepEqual([...mapping.asSlice(0, 2)], [0xee, 0xdd])
  t.deepEqual([...readFileSync(path).subarray(0, 2)], [0xee, 0xdd])
  mapping.close()
  if (isEmptied) t.deepEqual([old.length, numbers.length], [0, 0], 'views of every generation are empty after close')
  else t.deepEqual([old[50], numbers[1]], [0, 0], 'views of every generation read zeros after close')
})

withLiveViewsOnUnix('shrinking makes the cut-off part of old views read as zeros', async (t) => {
  const path = tempFile(t, pattern(4 * page))
  const mapping = await MemoryMappedFile.openRw(path)
  const whole = mapping.asSlice()
  await mapping.resize(page + 10)
  t.is(mapping.length, page + 10)
  t.is(statSync(path).size, page + 10)
  t.deepEqual(whole.subarray(0, page + 10), pattern(4 * page).subarray(0, page + 10))
  t.deepEqual(whole.subarray(page + 10), Buffer.alloc(3 * page - 10))
  t.throws(() => mapping.asSlice(page + 10, 1), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  whole.fill(1, page + 10)
  await mapping.resize(4 * page)
  t.deepEqual(mapping.readBytes(page + 10), Buffer.alloc(3 * page - 10), 'stores into the cut part are gone')
  mapping.updateRegion(3 * page, 'back')
  t.is(whole.toString('latin1', 3 * page, 3 * page + 4), 'back', 'an old view follows the file again')
  mapping.close()
})

withEmptiedViews("a resize with detach empties this thread's views before a shrink and not before a growth", async (t) => {
  const mapping = await MemoryMappedFile.openRw(tempFile(t, pattern(2 * page)))
  const view = mapping.asSlice()
  await mapping.resize(3 * page, { detach: true })
  t.is(view.length, 2 * page)
  await t.throwsAsync(() => mapping.resize(0, { detach: true }), { code: 'ERR_MMAP_RESIZE_FAILED' })
  t.is(view.length, 2 * page, 'a refused resize changes nothing')
  const middle = await MemoryMappedFile.openRw(mapping.path as string, { offset: 10, length: 20 })
  const part = middle.asSlice()
  await t.throwsAsync(() => middle.resize(5, { detach: true }), { code: 'ERR_MMAP_UNSUPPORTED' })
  t.is(part.length, 20)
  middle.close()
  mapping.resizeSync(100, { detach: true })
  t.is(view.length, 0)
  t.deepEqual(mapping.readBytes(), pattern(100))
  mapping.close()
})

test('a file that others made longer is not cut', async (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = await MemoryMappedFile.openRw(path)
  appendFileSync(path, 'appended')
  const error = await t.throwsAsync<MmapIoError>(() => mapping.resize(50))
  t.is(error.kind, 'ResizeFailed')
  t.regex(error.message, /108.*100/)
  t.is(mapping.length, 100)
  await mapping.resize(120)
  t.is(mapping.asSlice(100, 8).toString(), 'appended')
  t.is(readFileSync(path).length, 120)
  mapping.close()
})

onUnix('a file that others cut gets its length back by a resize', async (t) => {
  const path = tempFile(t, pattern(3 * page))
  const mapping = await MemoryMappedFile.openRw(path)
  truncateSync(path, 10)
  await mapping.resize(3 * page)
  t.is(statSync(path).size, 3 * page)
  t.deepEqual(mapping.readBytes(10), Buffer.alloc(3 * page - 10))
  mapping.close()
})

test('a window that reaches the end resizes its file, another does not', async (t) => {
  const path = tempFile(t, pattern(1000))
  const tail = await MemoryMappedFile.openRw(path, { offset: 300 })
  await tail.resize(400)
  t.is(statSync(path).size, 700)
  await tail.resize(900)
  t.is(statSync(path).size, 1200)
  t.is(tail.length, 900)
  tail.close()
  const middle = await MemoryMappedFile.openRw(path, { offset: 300, length: 10 })
  await t.throwsAsync(() => middle.resize(20), { code: 'ERR_MMAP_UNSUPPORTED' })
  middle.close()
})

withoutLimit('a size that the file system cannot have is an error and changes nothing', async (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = await MemoryMappedFile.openRw(path, { sparse: true })
  const view = mapping.asSlice()
  const error = await t.throwsAsync<MmapIoError>(() => mapping.resize(2 ** 53 - 1))
  t.is(error.kind, 'Io')
  if (process.platform === 'linux') t.is(error.code, 'EFBIG')
  t.is(mapping.length, 100)
  t.is(statSync(path).size, 100)
  t.deepEqual(view, pattern(100))
  mapping.close()
})

test('resizes at the same time end one after the other', async (t) => {
  const path = tempFile(t, pattern(100))
  const mapping = await MemoryMappedFile.openRw(path)
  const sizes = Array.from({ length: 20 }, (_, at) => 100 + ((at * 7919) % 13) * page)
  await Promise.all(sizes.map((size) => mapping.resize(size)))
  t.true(sizes.includes(mapping.length))
  t.is(statSync(path).size, mapping.length)
  t.deepEqual(mapping.readBytes(0, 100), pattern(100))
  mapping.close()
})

onUnix('what reads beside a shrink gets bytes of the file or OutOfBounds, never zeros', async (t) => {
  const size = 2 ** 24
  const sevens = Buffer.alloc(size, 7)
  const part = Buffer.alloc(page)
  const reads = {
    readInto: (mapping: MemoryMappedFile) => mapping.readInto(size - page, part).includes(0),
    readBytes: (mapping: MemoryMappedFile) => mapping.readBytes(size - page).includes(0),
    includes: (mapping: MemoryMappedFile) => mapping.includes(0, size - page),
    count: (mapping: MemoryMappedFile) => mapping.length === size && mapping.count(0) > 0,
  }
  for (const [name, hasZero] of Object.entries(reads)) {
    for (let round = 0; round < 5; round++) {
      const mapping = await MemoryMappedFile.openRw(tempFile(t, sevens))
      const cut = mapping.resize(100)
      const read = () => {
        while (mapping.length === size) if (hasZero(mapping)) return 'zeros'
        return 'bytes'
      }
      let outcome: string
      try {
        outcome = read()
      } catch (error) {
        outcome = (error as MmapIoError).kind
      }
      await cut
      t.true(['bytes', 'OutOfBounds'].includes(outcome), `${name}: ${outcome}`)
      mapping.close()
    }
  }
})

withoutLimit('a mapping grows past 4 GiB', async (t) => {
  const path = sparseFile(t, 1000)
  const mapping = await MemoryMappedFile.openRw(path, { sparse: true })
  mapping.updateRegion(0, 'start')
  const start = mapping.asSlice(0, 5)
  await mapping.resize(5 * 2 ** 30)
  mapping.updateRegion(5 * 2 ** 30 - 3, 'end')
  t.is(mapping.asSlice(5 * 2 ** 30 - 3).toString(), 'end')
  mapping.updateRegion(0, 'START')
  if (isLive) t.is(start.toString(), 'START')
  await mapping.resize(1000)
  t.is(statSync(path).size, 1000)
  mapping.close()
})
