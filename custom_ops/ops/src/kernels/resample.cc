// Bilinear interpolation of images at given positions (Jaderberg et al., "Spatial Transformer Networks", 2015).
#include <cmath>
#include <type_traits>

#include "runtime/op.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN
namespace {

// Position along one axis: the pixels before and after it, or -1 for pixels outside of the image.
struct Axis {
  int64_t before, after;
  float fraction;  // weight of the pixel after the position
  float slope;     // derivative of the fraction, 0 or 1

  Axis(float position, int64_t size, bool border) {
    const float most = static_cast<float>(size);
    if (border) {
      // The last pixel is never `before`, so that both neighbors exist. Of an image of one pixel, both are that pixel.
      const float last = size > 2 ? most - 2 : 0;
      const float floor = std::floor(position);
      const float clipped = floor > 0 ? (floor < last ? floor : last) : 0;  // 0 for NaN, which remains in the fraction
      const float distance = position - clipped;
      fraction = distance < 0 ? 0 : distance > 1 ? 1 : distance;
      slope = distance >= 0 && distance <= 1 ? 1 : 0;
      before = static_cast<int64_t>(clipped);
      after = before + 1 < size ? before + 1 : before;
    } else {
      // All positions outside are equal. Those of large magnitude, and NaN, would not fit into an integer.
      const float clipped = position > -2 ? (position < most ? position : most) : -2;
      const float floor = std::floor(clipped);
      fraction = clipped - floor;
      slope = 1;
      before = static_cast<int64_t>(floor);
      after = before + 1;
      if (before < 0 || before >= size) before = -1;
      if (after < 0 || after >= size) after = -1;
    }
  }
};

struct Sizes {
  int64_t batch, rows, columns, channels, points;
  bool border;

  Sizes(Context& context, const Tensor& images, const Tensor& positions) : border(context.flag("border")) {
    require_rank(images, "images", 4);
    require_rank(positions, "positions", 3);
    batch = images.dim(0), rows = images.dim(1), columns = images.dim(2), channels = images.dim(3);
    points = positions.dim(1);
    require_shape(positions, "positions", Shape(batch, points, 2));
    require(!border || (rows > 0 && columns > 0) || batch * points == 0,
            "images: got shape %s, expected at least one pixel", text(images.shape).value);
  }

  Shape outputs() const { return Shape(batch, points, channels); }
  int64_t grain() const { return 1 + 4096 / (1 + channels); }
};

// The four pixels around a position as offsets into the images, or -1, and their weights.
struct Corners {
  Axis x, y;
  int64_t offsets[4];
  float weights[4];

  Corners(const Sizes& sizes, int64_t image, const float* position)
      : x(position[0], sizes.columns, sizes.border), y(position[1], sizes.rows, sizes.border) {
    const int64_t rows[2] = {y.before, y.after}, columns[2] = {x.before, x.after};
    const float across[2] = {1 - x.fraction, x.fraction}, down[2] = {1 - y.fraction, y.fraction};
    for (int k = 0; k < 4; ++k) {
      const int64_t row = rows[k / 2], column = columns[k % 2];
      const bool inside = row >= 0 && column >= 0;
      offsets[k] = inside ? ((image * sizes.rows + row) * sizes.columns + column) * sizes.channels : -1;
      weights[k] = down[k / 2] * across[k % 2];
    }
  }

  // Writes the pixels to `from`. Those outside are read from `zeros`.
  void pixels(const float* images, const float* zeros, const float** from) const {
    for (int k = 0; k < 4; ++k) from[k] = offsets[k] < 0 ? zeros : images + offsets[k];
  }
};

void forward(Context& context) {
  const Tensor image_tensor = context.input(0), position_tensor = context.input(1);
  const Sizes sizes(context, image_tensor, position_tensor);
  const float *images = image_tensor.as<float>(), *positions = position_tensor.as<float>();
  float* out = context.output(0, sizes.outputs()).as<float>();
  Scratch<float> zeros(sizes.channels);
  std::memset(zeros.data(), 0, sizes.channels * sizeof(float));
  if (sizes.channels == 0) return;
  parallel_for(sizes.batch * sizes.points, sizes.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Corners corners(sizes, i / sizes.points, positions + 2 * i);
      const float *from[4], *w = corners.weights;
      corners.pixels(images, zeros, from);
      float* to = out + i * sizes.channels;
      each(sizes.channels, [&](auto kind, int64_t c) {
        using V = decltype(kind);
        store(to + c, w[0] * at<V>(from[0] + c) + w[1] * at<V>(from[1] + c) + w[2] * at<V>(from[2] + c) +
                          w[3] * at<V>(from[3] + c));
      });
    }
  });
}

void backward(Context& context) {
  const Tensor up_tensor = context.input(0), image_tensor = context.input(1), position_tensor = context.input(2);
  const Sizes sizes(context, image_tensor, position_tensor);
  require_shape(up_tensor, "dy", sizes.outputs());
  const float *ups = up_tensor.as<float>(), *images = image_tensor.as<float>(), *positions = position_tensor.as<float>();
  float* dimages = context.output(0, image_tensor.shape).as<float>();
  float* dpositions = context.output(1, position_tensor.shape).as<float>();
  const int64_t channels = sizes.channels;
  Scratch<float> zeros(channels);
  std::memset(zeros.data(), 0, channels * sizeof(float));
  // Gradient of the positions: differences of the pixels on both sides, weighted along the other axis.
  parallel_for(sizes.batch * sizes.points, sizes.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Corners corners(sizes, i / sizes.points, positions + 2 * i);
      const float *from[4], *up = ups + i * channels, x = corners.x.fraction, y = corners.y.fraction;
      corners.pixels(images, zeros, from);
      Vec across{}, down{};  // sums over the channels, and over those that do not fill a vector
      float across_rest = 0, down_rest = 0;
      each(channels, [&](auto kind, int64_t c) {
        using V = decltype(kind);
        const V pixels[4] = {at<V>(from[0] + c), at<V>(from[1] + c), at<V>(from[2] + c), at<V>(from[3] + c)};
        const V upstream = at<V>(up + c);
        const V dx = upstream * ((1 - y) * (pixels[1] - pixels[0]) + y * (pixels[3] - pixels[2]));
        const V dy = upstream * ((1 - x) * (pixels[2] - pixels[0]) + x * (pixels[3] - pixels[1]));
        if constexpr (std::is_same_v<V, Vec>)
          across += dx, down += dy;
        else
          across_rest += dx, down_rest += dy;
      });
      dpositions[2 * i] = corners.x.slope == 0 ? 0 : sum(across) + across_rest;
      dpositions[2 * i + 1] = corners.y.slope == 0 ? 0 : sum(down) + down_rest;
    }
  });
  // Gradient of the images. Each thread adds to a block of the channels of one image, in the order of the positions,
  // so that sums do not depend on the number of threads.
  constexpr int64_t kBlock = 64;
  const int64_t blocks = (channels + kBlock - 1) / kBlock, pixels = sizes.rows * sizes.columns;
  parallel_for(sizes.batch * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t n = task / blocks, first = task % blocks * kBlock;
      const int64_t count = channels - first < kBlock ? channels - first : kBlock;
      for (int64_t pixel = 0; pixel < pixels; ++pixel)
        std::memset(dimages + (n * pixels + pixel) * channels + first, 0, count * sizeof(float));
      for (int64_t i = n * sizes.points; i < (n + 1) * sizes.points; ++i) {
        const Corners corners(sizes, n, positions + 2 * i);
        const float* up = ups + i * channels + first;
        for (int k = 0; k < 4; ++k) {
          if (corners.offsets[k] < 0) continue;
          float* to = dimages + corners.offsets[k] + first;
          each(count, [&](auto kind, int64_t c) {
            using V = decltype(kind);
            store(to + c, at<V>(to + c) + corners.weights[k] * at<V>(up + c));
          });
        }
      }
    }
  });
}

void forward_shapes(Shapes& shapes) {
  // No rank is required here, because TensorFlow would then remove assertions of it, whose messages are better.
  const auto images = shapes.input(0), positions = shapes.input(1);
  shapes.set(0, shapes.join(shapes.part(positions, 0, 2), shapes.part(images, 3)));
}

void backward_shapes(Shapes& shapes) {
  shapes.set(0, shapes.input(1));
  shapes.set(1, shapes.input(2));
}

}  // namespace

TENSORSMITH_OP(resample, "TensorsmithResample", "images: float; positions: float -> y: float | border: bool",
               forward_shapes, forward);

TENSORSMITH_OP(resample_grad, "TensorsmithResampleGrad",
               "dy: float; images: float; positions: float -> dimages: float; dpositions: float | border: bool",
               backward_shapes, backward);

TENSORSMITH_END
