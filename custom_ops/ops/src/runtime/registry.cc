// Initialization of the library: detects the CPU, selects a level, and registers the ops of that level.
#include "runtime/registry.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace tensorsmith {
namespace {

using Table = Op**;

#define TENSORSMITH_TABLE(level)                                              \
  extern "C" __attribute__((weak)) Op* __start_tensorsmith_ops_##level[];     \
  extern "C" __attribute__((weak)) Op* __stop_tensorsmith_ops_##level[];

}  // namespace
TENSORSMITH_TABLE(baseline)
TENSORSMITH_TABLE(avx2)
TENSORSMITH_TABLE(avx512)
namespace {

struct Level {
  const char* name;
  bool runs_here;
  Table begin;
  Table end;
};

std::vector<Level> levels() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // Features of x86-64-v3 and x86-64-v4. GCC 11 does not support these names in __builtin_cpu_supports.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("lzcnt") &&
                    __builtin_cpu_supports("movbe");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512cd");
#else
  const bool avx2 = false, avx512 = false;
#endif
  return {
      {"avx512", avx512, __start_tensorsmith_ops_avx512, __stop_tensorsmith_ops_avx512},
      {"avx2", avx2, __start_tensorsmith_ops_avx2, __stop_tensorsmith_ops_avx2},
      {"baseline", true, __start_tensorsmith_ops_baseline, __stop_tensorsmith_ops_baseline},
  };
}

std::string chosen_level;      // empty if no level was selected
std::string possible_levels;   // best first, separated by spaces

// Splits a string at a separator, strips whitespace, and drops empty parts.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= text.size()) {
    size_t end = text.find(separator, begin);
    if (end == std::string::npos) end = text.size();
    const size_t first = text.find_first_not_of(" \n", begin);
    if (first < end) {
      const size_t last = text.find_last_not_of(" \n", end - 1);
      parts.push_back(text.substr(first, last - first + 1));
    }
    begin = end + 1;
  }
  return parts;
}

struct Signature {
  std::vector<std::string> inputs, outputs, attributes;

  explicit Signature(const std::string& text) {
    const size_t arrow = text.find("->"), bar = text.find('|');
    inputs = split(text.substr(0, arrow), ';');
    outputs = split(text.substr(arrow + 2, bar == std::string::npos ? bar : bar - arrow - 2), ';');
    if (bar != std::string::npos) attributes = split(text.substr(bar + 1), ';');
  }
};

// Errors during loading can only be printed.
void must_be_ok(TF_Status* status, const char* name) {
  if (TF_GetCode(status) != TF_OK) std::fprintf(stderr, "tensorsmith: op %s: %s\n", name, TF_Message(status));
}

void destroy(void* attributes) { delete static_cast<Attributes*>(attributes); }

void tell_tensorflow(const Op& op) {
  TF_Status* status = TF_NewStatus();
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(op.name);
  const Signature signature(op.signature);
  for (const std::string& attribute : signature.attributes)
    TF_OpDefinitionBuilderAddAttr(definition, attribute.c_str());
  for (const std::string& input : signature.inputs) TF_OpDefinitionBuilderAddInput(definition, input.c_str());
  for (const std::string& output : signature.outputs) TF_OpDefinitionBuilderAddOutput(definition, output.c_str());
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, op.infer_shapes);
  TF_RegisterOpDefinition(definition, status);
  must_be_ok(status, op.name);
  TF_KernelBuilder* kernel = TF_NewKernelBuilder(op.name, "CPU", op.create, op.compute, &destroy);
  TF_RegisterKernelBuilder(op.name, kernel, status);
  must_be_ok(status, op.name);
  TF_DeleteStatus(status);
}

bool load() {
  const char* wanted = std::getenv("TENSORSMITH_OPS_LEVEL");
  for (const Level& level : levels()) {
    if (!level.runs_here || level.begin == level.end) continue;
    possible_levels += (possible_levels.empty() ? "" : " ") + std::string(level.name);
    if (!chosen_level.empty() || (wanted != nullptr && *wanted != 0 && std::strcmp(wanted, level.name) != 0)) continue;
    chosen_level = level.name;
    for (Table entry = level.begin; entry != level.end; ++entry) tell_tensorflow(**entry);
  }
  return !chosen_level.empty();
}

const bool loaded [[maybe_unused]] = load();  // initialized after the variables it writes to

}  // namespace

Attributes* read_attributes(const char* signature, TF_OpKernelConstruction* construction) {
  auto* attributes = new Attributes;
  TF_Status* status = TF_NewStatus();
  for (const std::string& attribute : Signature(signature).attributes) {
    const size_t colon = attribute.find(':');
    const std::string name = attribute.substr(0, colon);
    const std::string type = split(attribute.substr(colon + 1), ' ')[0];
    Attribute value = {};
    if (type == "int") {
      TF_OpKernelConstruction_GetAttrInt64(construction, name.c_str(), &value.integer, status);
    } else if (type == "float") {
      TF_OpKernelConstruction_GetAttrFloat(construction, name.c_str(), &value.number, status);
    } else if (type == "bool") {
      unsigned char flag = 0;
      TF_OpKernelConstruction_GetAttrBool(construction, name.c_str(), &flag, status);
      value.integer = flag;
    } else {
      continue;  // a dtype attribute, which is also stored in the tensors
    }
    if (TF_GetCode(status) != TF_OK) {
      TF_OpKernelConstruction_Failure(construction, status);
      break;
    }
    std::snprintf(value.name, sizeof(value.name), "%s", name.c_str());
    attributes->all[attributes->count++] = value;
  }
  TF_DeleteStatus(status);
  return attributes;
}

}  // namespace tensorsmith

// Returns the level in use, or an empty string if TENSORSMITH_OPS_LEVEL is not supported by the machine or the library.
extern "C" __attribute__((visibility("default"))) const char* tensorsmith_level() {
  return tensorsmith::chosen_level.c_str();
}

// Returns the levels supported by the machine and the library, best first.
extern "C" __attribute__((visibility("default"))) const char* tensorsmith_levels() {
  return tensorsmith::possible_levels.c_str();
}
