/** How much of a mapped file is in memory, in memory that does not grow with the file. */
import { setImmediate } from 'node:timers/promises'
import { type MemoryMappedFile, MmapIoError, pageSize } from '../../index.ts'

export interface MeasuredResidency {
  readonly pages: number
  readonly residentPages: number
  readonly residentBytes: number
  /** The share of its pages that is resident, for each of up to `cells` equal parts. */
  readonly fractions: Float64Array
}

/** Residency that the operating system does not tell. */
export interface UnknownResidency {
  readonly unknown: string
}

/** The map of a file is asked for in parts: a byte for each page of a whole file can be a lot. A multiple of every page size. */
const PART = 2 ** 30

export async function measureResidency(mapping: MemoryMappedFile, cells: number): Promise<MeasuredResidency | UnknownResidency> {
  try {
    return await measure(mapping, cells)
  } catch (error) {
    if (error instanceof MmapIoError && error.kind === 'Unsupported') return { unknown: reason(error) }
    throw error
  }
}

async function measure(mapping: MemoryMappedFile, cells: number): Promise<MeasuredResidency> {
  const { length } = mapping
  const pages = Math.ceil(length / pageSize())
  const resident = new Float64Array(Math.min(cells, pages))
  const firstPage = (cell: number): number => Math.floor((cell * pages) / resident.length)
  let residentPages = 0
  let residentBytes = 0
  let page = 0
  let cell = 0
  for (let offset = 0; offset < length; offset += PART) {
    // The memory of a map is given back in a turn of the event loop of its own.
    if (offset > 0) await setImmediate()
    const part = mapping.residency(offset, Math.min(PART, length - offset))
    residentPages += part.residentPages
    residentBytes += part.residentBytes
    for (let start = 0; start < part.pages; ) {
      const end = Math.min(part.pages, start + firstPage(cell + 1) - page)
      let count = 0
      for (let index = start; index < end; index++) count += part.map[index] as number
      resident[cell] = (resident[cell] as number) + count
      page += end - start
      start = end
      if (page === firstPage(cell + 1)) cell++
    }
  }
  const fractions = resident.map((count, index) => count / (firstPage(index + 1) - firstPage(index)))
  return { pages, residentPages, residentBytes, fractions }
}

const reason = (error: MmapIoError): string =>
  error.code === 'EPERM' ? 'the operating system hides it for files that you neither own nor may write' : error.message
