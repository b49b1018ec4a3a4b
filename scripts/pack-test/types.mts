// What the declarations promise to an ES module. It is compiled, never run.
import { alignUp, capabilities, type FaultEvent, MemoryMappedFile, MmapIoError, pageSize, type Residency, type ViewMode } from 'mmap-io'
import compat, { map } from 'mmap-io/compat'
import { createAssetHandler } from 'mmap-io/electron'

export async function program(path: string): Promise<number> {
  using read = await MemoryMappedFile.openRo(path)
  await using written = await MemoryMappedFile.createRw(`${path}.copy`, alignUp(read.length, pageSize()))
  written.updateRegion(0, read.asSlice())
  await written.flush()
  const view: DataView = written.dataView()
  const copy: Buffer = written.readBytes(0, 8)
  const { residentPages }: Residency = read.residency()
  const views: readonly ViewMode[] = capabilities.views
  const body: ReadableStream<Uint8Array> = read.stream()
  const response: Response = read.response(new Request('http://localhost/'), { headers: { vary: 'accept' } })
  await Promise.all([body.cancel(), response.text(), read.createReadStream({ start: 1 }).toArray()])
  const onFault = ({ kind }: FaultEvent): string => kind
  written.on('fault', onFault)
  return view.getUint8(0) + copy.length + residentPages + views.length
}

export const handler: ((request: Request) => Promise<Response>) & { close(): void } = createAssetHandler('assets', { maxMapped: 5 })

export function classic(fd: number): [out: number, inMemory: number] {
  const buffer: Buffer = map(5, compat.PROT_READ | compat.PROT_WRITE, compat.MAP_SHARED, fd, 0, compat.MADV_RANDOM)
  compat.advise(buffer, 0, 5, compat.MADV_WILLNEED)
  compat.sync(buffer, true)
  // @ts-expect-error: a length is a number
  compat.sync(buffer, 0, '5')
  return compat.incore(buffer)
}

export function explain(error: unknown): string {
  if (!(error instanceof MmapIoError)) throw error
  const offset: number | undefined = error.offset
  return `${error.kind} ${error.code} ${offset ?? ''}`
}

export async function misuse(): Promise<void> {
  // @ts-expect-error: a path is needed
  await MemoryMappedFile.openRo()
  // @ts-expect-error: a size is a number
  await MemoryMappedFile.createRw('file', '4096')
}
