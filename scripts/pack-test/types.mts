// What the declarations promise to an ES module. It is compiled, never run.
import { alignUp, capabilities, type FaultEvent, MemoryMappedFile, MmapIoError, pageSize, type Residency, type ViewMode } from 'mmap-io'
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
