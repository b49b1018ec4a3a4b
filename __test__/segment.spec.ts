/** Parts of a mapping under names of their own. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { MemoryMappedFile, Segment, SegmentMut } from '#mmap-io'
import { pattern, tempFile } from './support/files.ts'
import { outcome } from './support/outcome.ts'

const content = pattern(10_000)

test('a segment shows its range', (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, content))
  const segment = new Segment(mapping, 100, 50)
  t.like(segment, { parent: mapping, offset: 100, length: 50, isEmpty: false, isValid: true })
  t.deepEqual(segment.asSlice(), content.subarray(100, 150))
  const empty = new Segment(mapping, 2 ** 53 - 1, 0)
  t.like(empty, { length: 0, isEmpty: true, isValid: true })
  t.is(empty.asSlice().length, 0)
  mapping.close()
})

test('a segment is cut off by a shrink and comes back with a growth', (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
  const segments = [new Segment(mapping, 5000, 100), new SegmentMut(mapping, 5000, 100)] as const
  mapping.resizeSync(5050)
  for (const segment of segments) t.false(segment.isValid)
  t.throws(() => segments[0].asSlice(), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.throws(() => segments[1].asSliceMut(), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.throws(() => segments[1].write('x'), { code: 'ERR_MMAP_OUT_OF_BOUNDS' }, 'also what would still fit')
  mapping.resizeSync(5100)
  for (const segment of segments) t.true(segment.isValid)
  segments[1].write('x')
  t.deepEqual(segments[0].asSlice()[0], 0x78)
  mapping.close()
})

test('a write counts, reaches the file, and stays in its segment', async (t) => {
  const path = tempFile(t, content)
  const mapping = MemoryMappedFile.openRwSync(path)
  const segment = new SegmentMut(mapping, 10, 5)
  segment.write('abc')
  t.is(mapping.pendingBytes, 3)
  segment.write(Uint16Array.of(0x3231).buffer)
  t.like(
    t.throws(() => segment.write('abcdef')),
    { kind: 'OutOfBounds', offset: 0, length: 6, total: 5 },
  )
  t.is(mapping.pendingBytes, 5)
  const slice = segment.asSliceMut()
  t.like(slice, { offset: 10, length: 5 })
  slice.bytes[4] = 0x65
  slice.release()
  t.is(mapping.pendingBytes, 10)
  await mapping.flush()
  mapping.close()
  t.deepEqual(
    readFileSync(path),
    Buffer.concat([content.subarray(0, 10), Buffer.from('12c'), content.subarray(13, 14), Buffer.from('e'), content.subarray(15)]),
  )
})

test('a writable segment of a read-only mapping can be made, and fails when it is used', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, content))
  const segment = new SegmentMut(mapping, 10, 5)
  t.is(await outcome(() => segment.asSliceMut()), 'InvalidMode')
  t.is(await outcome(() => segment.write('abc')), 'InvalidMode')
  t.is(await outcome(() => segment.write('longer than the segment')), 'InvalidMode')
  t.is(await outcome(() => segment.write('')), 'ok')
  mapping.close()
  t.is(await outcome(() => segment.write('')), 'Closed')
  t.is(await outcome(() => segment.write('longer than the segment')), 'Closed')
  t.is(await outcome(() => segment.asSliceMut()), 'Closed')
})

test('after close a segment is invalid and fails', async (t) => {
  const mapping = MemoryMappedFile.openRoSync(tempFile(t, content))
  const [segment, empty] = [new Segment(mapping, 10, 5), new Segment(mapping, 10, 0)]
  mapping.close()
  t.like(segment, { isValid: false, offset: 10, length: 5 })
  t.false(empty.isValid)
  t.is(await outcome(() => segment.asSlice()), 'Closed')
  t.is(await outcome(() => empty.asSlice()), 'Closed')
  t.is(await outcome(() => new Segment(mapping, 0, 1)), 'Closed')
  t.is(await outcome(() => new SegmentMut(mapping, -1, 1)), 'ERR_OUT_OF_RANGE')
})

for (const [name, Class] of Object.entries({ Segment, SegmentMut })) {
  test(`arguments of ${name} are checked`, async (t) => {
    const mapping = MemoryMappedFile.openRoSync(tempFile(t, content))
    const Any = Class as unknown as new (...args: unknown[]) => unknown
    const calls: [unknown[], string][] = [
      [[], 'ERR_INVALID_ARG_TYPE'],
      [[{ length: 5 }, 0, 1], 'ERR_INVALID_ARG_TYPE'],
      [[Object.create(null), 0, 1], 'ERR_INVALID_ARG_TYPE'],
      [[mapping], 'ERR_INVALID_ARG_TYPE'],
      [[mapping, 0], 'ERR_INVALID_ARG_TYPE'],
      [[mapping, '0', 1], 'ERR_INVALID_ARG_TYPE'],
      [[mapping, -1, 1], 'ERR_OUT_OF_RANGE'],
      [[mapping, 0, Number.NaN], 'ERR_OUT_OF_RANGE'],
      [[mapping, 0, 2 ** 53], 'ERR_OUT_OF_RANGE'],
      [[mapping, 0, 10_001], 'OutOfBounds'],
      [[mapping, 10_000, 1], 'OutOfBounds'],
      [[mapping, 2 ** 53 - 1, 2 ** 53 - 1], 'OutOfBounds'],
      [[mapping, 10_000, 0], 'ok'],
    ]
    for (const [args, ends] of calls) t.is(await outcome(() => new Any(...args)), ends, String(args.slice(1)))
    mapping.close()
  })
}

test('what a segment writes is bytes', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(tempFile(t, content))
  const segment = new SegmentMut(mapping, 10, 5)
  for (const data of [undefined, 7, [1], {}]) t.is(await outcome(() => segment.write(data as unknown as string)), 'ERR_INVALID_ARG_TYPE')
  t.is(mapping.pendingBytes, 0)
  mapping.close()
})
