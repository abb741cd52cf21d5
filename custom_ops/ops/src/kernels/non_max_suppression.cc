// Non-maximum suppression of boxes, hard or soft (Bodla et al., 2017), separately for each class.
#include <algorithm>
#include <cmath>

#include "runtime/op.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN
namespace {

struct Candidate {
  float score;
  int32_t index;
  int32_t compared;  // number of selected boxes that have been compared with the candidate
};

// Order of a heap whose first element has the greatest score, and among equal scores the least index.
bool is_after(const Candidate& one, const Candidate& other) {
  return one.score < other.score || (one.score == other.score && one.index > other.index);
}

// Selected boxes as columns, which are padded to whole vectors by boxes without area.
struct Selected {
  Scratch<float> x_min, y_min, x_max, y_max, area, scores;
  Scratch<int32_t> classes, indices;
  int64_t count = 0;

  explicit Selected(int64_t most)
      : x_min(padded(most)), y_min(padded(most)), x_max(padded(most)), y_max(padded(most)), area(padded(most)),
        scores(padded(most)), classes(padded(most)), indices(padded(most)) {
    for (float* column : {x_min.data(), y_min.data(), x_max.data(), y_max.data(), area.data()})
      std::memset(column, 0, padded(most) * sizeof(float));
    std::memset(classes.data(), 0, padded(most) * sizeof(int32_t));
  }

  void add(const Candidate& chosen, const float* box, float own_area, int32_t own_class) {
    x_min[count] = box[0], y_min[count] = box[1], x_max[count] = box[2], y_max[count] = box[3];
    area[count] = own_area, classes[count] = own_class;
    scores[count] = chosen.score, indices[count++] = chosen.index;
  }

  // Intersection with the selected boxes from `first` on, as many as a vector has lanes.
  Vec intersections(const float* box, int64_t first) const {
    const Vec zero = {};
    Vec left = load(&x_min[first]), top = load(&y_min[first]), right = load(&x_max[first]), bottom = load(&y_max[first]);
    left = left > box[0] ? left : broadcast(box[0]);
    top = top > box[1] ? top : broadcast(box[1]);
    right = right < box[2] ? right : broadcast(box[2]);
    bottom = bottom < box[3] ? bottom : broadcast(box[3]);
    const Vec width = right - left, height = bottom - top;
    return (width > zero ? width : zero) * (height > zero ? height : zero);
  }
};

float area_of(const float* box) { return std::max(box[2] - box[0], 0.0f) * std::max(box[3] - box[1], 0.0f); }

// Returns true if the intersection over union with a selected box of the same class exceeds the threshold.
bool overlaps(const Selected& selected, const float* box, float area, int32_t own_class, float threshold) {
  for (int64_t first = 0; first < selected.count; first += kLanes) {
    const Vec common = selected.intersections(box, first);
    const Vec whole = load(&selected.area[first]) + area - common;
    IntVec classes;
    std::memcpy(&classes, &selected.classes[first], sizeof(classes));
    const IntVec hit = (common > threshold * whole) & (classes == own_class);
    for (int lane = 0; lane < kLanes; ++lane)
      if (hit[lane] && first + lane < selected.count) return true;
  }
  return false;
}

// Returns the factor by which selected boxes from `first` on lower the score of a box.
float decay(const Selected& selected, int64_t first, const float* box, float area, int32_t own_class, float sigma) {
  float sum = 0;
  for (int64_t i = first; i < selected.count; ++i) {
    if (selected.classes[i] != own_class) continue;
    const float width = std::min(box[2], selected.x_max[i]) - std::max(box[0], selected.x_min[i]);
    const float height = std::min(box[3], selected.y_max[i]) - std::max(box[1], selected.y_min[i]);
    const float common = std::max(width, 0.0f) * std::max(height, 0.0f);
    const float whole = area + selected.area[i] - common, overlap = whole > 0 ? common / whole : 0;
    sum += overlap * overlap;
  }
  return std::exp(-0.5f * sum / sigma);
}

void kernel(Context& context) {
  const Tensor boxes = context.input(0), scores = context.input(1), classes = context.input(2);
  require(boxes.rank() == 2 && boxes.dim(1) == 4, "boxes: got shape %s, expected [n, 4]", text(boxes.shape).value);
  const int64_t count = boxes.dim(0);
  require(count < (int64_t{1} << 31), "boxes: got %lld, expected fewer than 2^31", static_cast<long long>(count));
  require_shape(scores, "scores", Shape(count));
  require_shape(classes, "classes", Shape(count));
  const int64_t most = context.integer("max_output_size");
  const float threshold = context.number("iou_threshold"), least = context.number("score_threshold");
  const float sigma = context.number("sigma");
  require(most >= 0 && sigma >= 0, "max_output_size and sigma: expected no negative numbers");
  const float* corners = boxes.as<float>();
  const float* all_scores = scores.as<float>();
  const int32_t* all_classes = classes.as<int32_t>();

  Scratch<Candidate> heap(count);
  int64_t left = 0;
  for (int64_t i = 0; i < count; ++i)
    if (all_scores[i] > least) heap[left++] = {all_scores[i], static_cast<int32_t>(i), 0};  // never NaN
  Selected selected(most < left ? most : left);
  if (sigma == 0) {
    // Hard suppression visits the candidates in the order of their scores.
    const auto comes_first = [](const Candidate& one, const Candidate& other) { return is_after(other, one); };
    std::sort(heap.data(), heap.data() + left, comes_first);
    for (int64_t i = 0; i < left && selected.count < most; ++i) {
      const float* box = corners + 4 * int64_t{heap[i].index};
      const float area = area_of(box);
      const int32_t own_class = all_classes[heap[i].index];
      if (!overlaps(selected, box, area, own_class, threshold)) selected.add(heap[i], box, area, own_class);
    }
  } else {
    std::make_heap(heap.data(), heap.data() + left, is_after);
    while (left > 0 && selected.count < most) {
      std::pop_heap(heap.data(), heap.data() + left, is_after);
      Candidate next = heap[--left];
      const float* box = corners + 4 * int64_t{next.index};
      const float area = area_of(box);
      const int32_t own_class = all_classes[next.index];
      const float factor = decay(selected, next.compared, box, area, own_class, sigma);
      if (factor == 1) {
        selected.add(next, box, area, own_class);
        continue;
      }
      // The score is lower than when the candidate was the best.
      next.score *= factor, next.compared = static_cast<int32_t>(selected.count);
      if (!(next.score > least)) continue;
      heap[left++] = next;
      std::push_heap(heap.data(), heap.data() + left, is_after);
    }
  }
  int32_t* indices = context.output(0, Shape(selected.count)).as<int32_t>();
  float* final_scores = context.output(1, Shape(selected.count)).as<float>();
  std::memcpy(indices, selected.indices.data(), selected.count * sizeof(int32_t));
  std::memcpy(final_scores, selected.scores.data(), selected.count * sizeof(float));
}

void shapes_of(Shapes& shapes) {
  shapes.input(0, 2), shapes.input(1, 1), shapes.input(2, 1);
  shapes.set(0, shapes.vector(Shapes::kUnknown));
  shapes.set(1, shapes.vector(Shapes::kUnknown));
}

}  // namespace

TENSORSMITH_OP(non_max_suppression, "TensorsmithNonMaxSuppression",
               "boxes: float; scores: float; classes: int32 -> indices: int32; selected_scores: float "
               "| max_output_size: int; iou_threshold: float; score_threshold: float; sigma: float",
               shapes_of, kernel);

TENSORSMITH_END
