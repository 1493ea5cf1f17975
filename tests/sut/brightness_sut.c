/* A system under test in plain C, with nothing but the protocol of docs/adding-a-sut.md: two outputs
 * a sample, its mean and one minus its mean. `lode run --sut process:./brightness_sut` */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kRequests = 3, kAnswers = 4, kSamples = 5, kOutputs = 6 };
enum { kConfigure = 1, kReady, kStart, kStarted, kRun, kDone, kPing, kPong, kStop, kStopped, kError };

struct header {
  char magic[4];
  uint32_t type, sequence, bytes;
};

static char payload[(1 << 16) + 1];

/* Pipes give what is there: a message may come in parts. */
static void read_all(void* to, size_t bytes) {
  char* at = to;
  while (bytes > 0) {
    const ssize_t got = read(kRequests, at, bytes);
    if (got <= 0) exit(0); /* Lodestone has no more to ask. */
    at += got;
    bytes -= (size_t)got;
  }
}

static struct header receive(void) {
  struct header header;
  read_all(&header, sizeof(header));
  if (header.bytes >= sizeof(payload)) exit(1);
  read_all(payload, header.bytes);
  payload[header.bytes] = '\0';
  return header;
}

/* At most 4096 bytes, so that the pipe takes them whole. */
static void answer(uint32_t type, uint32_t sequence, const char* text) {
  char message[1024];
  const struct header header = {{'L', 'S', 'U', 'T'}, type, sequence, (uint32_t)strlen(text)};
  memcpy(message, &header, sizeof(header));
  memcpy(message + sizeof(header), text, header.bytes);
  const size_t size = sizeof(header) + header.bytes;
  if (write(kAnswers, message, size) != (ssize_t)size) exit(1);
}

/* The number in the payload's line "name=number". */
static unsigned long long setting(const char* name) {
  const size_t length = strlen(name);
  for (const char* line = payload; line != NULL; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, name, length) == 0 && line[length] == '=') {
      return strtoull(line + length + 1, NULL, 10);
    }
  }
  return 0;
}

static void* map(int file, size_t bytes, int access) {
  void* memory = bytes > 0 ? mmap(NULL, bytes, access, MAP_SHARED, file, 0) : NULL;
  if (memory == MAP_FAILED) exit(1);
  return memory;
}

int main(void) {
  struct header header = receive();
  if (header.type != kConfigure || setting("protocol") != 1) {
    answer(kError, header.sequence, "speaks protocol 1 alone");
    return 1;
  }
  const size_t values = setting("sample_bytes") / sizeof(float);
  const size_t stride = setting("sample_stride");
  const char* samples = map(kSamples, stride * setting("sample_slots"), PROT_READ);
  char* outputs = NULL;
  size_t output_stride = 0;
  answer(kReady, header.sequence, "protocol=1\nname=brightness in C\nprecision=fp32\noutputs=2\n");
  for (;;) {
    header = receive();
    if (header.type == kPing) answer(kPong, header.sequence, "");
    if (header.type == kStop) answer(kStopped, header.sequence, "");
    if (header.type == kStart) {
      output_stride = setting("output_stride");
      if (outputs == NULL) outputs = map(kOutputs, setting("output_bytes"), PROT_READ | PROT_WRITE);
      answer(kStarted, header.sequence, "");
    }
    if (header.type == kRun) {
      for (uint32_t i = 0; i < header.bytes / sizeof(uint32_t); ++i) {
        uint32_t slot;
        memcpy(&slot, payload + i * sizeof(slot), sizeof(slot));
        const float* sample = (const float*)(samples + slot * stride);
        float mean = 0;
        for (size_t k = 0; k < values; ++k) mean += sample[k] / (float)values;
        const float scores[2] = {mean, 1 - mean};
        memcpy(outputs + i * output_stride, scores, sizeof(scores));
      }
      answer(kDone, header.sequence, "");
    }
  }
}
