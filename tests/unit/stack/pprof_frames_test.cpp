// SPDX-License-Identifier: Apache-2.0
// What a frame is in pprof's terms, written and read again.
#include "stack/pprof_frames.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/text.h"
#include "output/pprof_reader.h"
#include "stack/fake_profile.h"
#include "symbol/build_id.h"
#include "symbol/elf_image.h"

namespace sightline::stack {
namespace {

using output::pprof::Location;
using output::pprof::Mapping;
using symbol::Reason;
using Image = symbol::testing::ElfImage<>;

constexpr auto everything = std::numeric_limits<std::uint64_t>::max();

class PprofFramesTest : public testing::Test {
 protected:
  PprofFramesTest() {
    auto pattern =
        (std::filesystem::temp_directory_path() / "sightline.XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~PprofFramesTest() override { std::filesystem::remove_all(directory_); }

  // A file with these bytes, as if it were mapped.
  process::ObjectId object(const std::string& bytes) {
    const auto path = directory_ / "program";
    std::ofstream(path) << bytes;
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return fake_.objects.intern(
        {major(info.st_dev), minor(info.st_dev), info.st_ino, path});
  }
  std::string path() const { return directory_ / "program"; }

  FrameId frame(process::ObjectId object, std::uint64_t offset,
                Reason reason = Reason::none) {
    return fake_.frame({object, reason, offset});
  }

  // The profile of one stack, frames from the root.
  output::pprof::Profile of_stack(const std::vector<FrameId>& frames) {
    auto node = CallTree::root;
    for (auto id : frames) node = fake_.profile.stacks().child(node, id);
    fake_.names.resolve(fake_.profile.frames());
    std::string bytes;
    auto writer = output::PprofWriter::open(
        {.sample_types = {{"samples", "count"}}}, [&](std::string_view piece) {
          bytes.append(piece);
          return Status();
        });
    PprofFrames of_profile(fake_.profile, fake_.names, *writer);
    EXPECT_TRUE(writer->add_sample(of_profile.stack(node),
                                   std::vector<std::uint64_t>{1}, {}));
    of_profile.finish();
    EXPECT_TRUE(writer->finish());
    auto profile = output::read_pprof(bytes);
    EXPECT_TRUE(profile) << profile.error().what;
    return profile ? *std::move(profile) : output::pprof::Profile{};
  }

  std::filesystem::path directory_;
  FakeProfile fake_;
};

TEST_F(PprofFramesTest, AFrameIsAnAddressOfItsSegmentAndAFunction) {
  auto program = object(Image()
                            .add("work", Image::text_address + 0x20, 0x40)
                            .add_build_id("\x01\xab\xff")
                            .bytes());
  auto profile = of_stack({frame(program, Image::text_offset + 0x30)});
  ASSERT_EQ(profile.locations.size(), 1U);
  EXPECT_EQ(profile.locations[0].address, Image::text_address + 0x30);
  EXPECT_EQ(profile.functions.at(0).name, "work");
  EXPECT_EQ(profile.functions.at(0).file, "") << "no lines were asked for";
  const Mapping expected{.start = Image::text_address,
                         .limit = Image::text_address + Image::text_size,
                         .file_offset = Image::text_offset,
                         .file = profile.mappings.at(0).file,
                         .build_id = "01abff",
                         .has_functions = true};
  EXPECT_EQ(profile.mappings.at(0), expected);
  EXPECT_EQ(profile.mappings.at(0).file, path());
}

TEST_F(PprofFramesTest, TheLeafComesFirst) {
  auto root = fake_.function("root");
  auto leaf = fake_.function("leaf");
  auto profile = of_stack({root, leaf, root});
  ASSERT_EQ(profile.samples.at(0).locations.size(), 3U);
  const auto& stack = profile.samples[0].locations;
  EXPECT_EQ(stack[0], stack[2]) << "a frame is one location";
  auto name = [&](output::pprof::Index location) {
    return profile.functions
        .at(profile.locations.at(location).lines.at(0).function)
        .name;
  };
  EXPECT_EQ(name(stack[1]), "[leaf: stripped]");
}

TEST_F(PprofFramesTest, WhatHasNoNameHasItsReasonAndNoSymbols) {
  auto program = object(Image().add("far", 0x1800, 8).bytes());
  auto profile = of_stack({frame(program, Image::text_offset + 1)});
  EXPECT_EQ(profile.functions.at(0).name, "[program: no covering symbol]");
  EXPECT_FALSE(profile.mappings.at(0).has_functions);
  // One that has a name speaks for its mapping.
  profile = of_stack({frame(program, Image::text_offset + 1),
                      frame(program, Image::text_offset + 0x801)});
  EXPECT_TRUE(profile.mappings.at(0).has_functions);
  ASSERT_EQ(profile.mappings.size(), 1U);
}

TEST_F(PprofFramesTest, WhatIsNoFileLiesInTheWholeMemory) {
  auto profile = of_stack({
      frame(process::no_object, 0, Reason::stack_cut),
      frame(process::no_object, 0x1234, Reason::not_mapped),
      frame(process::anonymous_object, 0x7000, Reason::no_jit_map),
      frame(process::kernel_object, 0xffffffff81000000),
      frame(process::kernel_object, 0, Reason::stack_cut),
  });
  std::vector<std::tuple<std::string_view, std::uint64_t, std::string_view>>
      found;
  for (const auto& location : profile.locations) {
    const auto& mapping = profile.mappings.at(*location.mapping);
    EXPECT_EQ(mapping.start, 0U);
    EXPECT_EQ(mapping.limit, everything);
    EXPECT_EQ(mapping.file_offset, 0U);
    EXPECT_EQ(mapping.build_id, mapping.file == "[kernel.kallsyms]"
                                    ? to_hex(symbol::kernel_build_id())
                                    : std::string());
    EXPECT_FALSE(mapping.has_functions);
    found.emplace_back(
        mapping.file, location.address,
        profile.functions.at(location.lines.at(0).function).name);
  }
  EXPECT_EQ(found,
            (decltype(found){
                {"[kernel.kallsyms]", 0, "[kernel: stack cut]"},
                {"[kernel.kallsyms]", 0xffffffff81000000, "[kernel: stripped]"},
                {"[anon]", 0x7000, "[anon: generated code without a perf map]"},
                {"[unknown]", 0x1234, "[unknown: not mapped]"},
                {"[unknown]", 0, "[unknown: stack cut]"}}));
  EXPECT_EQ(profile.mappings.size(), 3U);
}

TEST_F(PprofFramesTest, OfAFileThatIsGoneTheOffsetIsLeft) {
  auto profile = of_stack({fake_.function("lib", 0x4711)});
  EXPECT_EQ(profile.locations.at(0).address, 0x4711U);
  EXPECT_EQ(profile.mappings.at(0).file, "/lib/lib");
  EXPECT_EQ(profile.mappings.at(0).limit, everything);
  EXPECT_EQ(profile.mappings.at(0).build_id, "");
}

TEST_F(PprofFramesTest, ASegmentWhereNothingCanLieIsNone) {
  auto bytes = Image().add("work", Image::text_address, 0x40).bytes();
  const std::uint64_t address = everything - 0x10;
  std::memcpy(bytes.data() + sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_vaddr),
              &address, sizeof address);
  auto profile = of_stack({frame(object(bytes), Image::text_offset + 0x30)});
  EXPECT_EQ(profile.mappings.at(0).limit, everything);
  EXPECT_EQ(profile.locations.at(0).address, Image::text_offset + 0x30);
}

TEST_F(PprofFramesTest, AFrameOutsideOfCodeIsWhereItIs) {
  auto program = object(Image().add("work", Image::text_address, 0x40).bytes());
  auto profile = of_stack({frame(program, 0x10), frame(program, 0x400)});
  ASSERT_EQ(profile.locations.size(), 2U);
  for (const auto& location : profile.locations) {
    const auto& mapping = profile.mappings.at(*location.mapping);
    EXPECT_GE(location.address, mapping.start);
    EXPECT_LT(location.address, mapping.limit);
  }
  EXPECT_EQ(profile.locations[0].address, Image::text_address);
  EXPECT_EQ(profile.locations[1].address, 0x10U);
}

TEST_F(PprofFramesTest, TheFileMayChangeOnceItWasNamed) {
  auto program = object(Image()
                            .add("work", Image::text_address, 0x40)
                            .add_build_id("\x01\x02")
                            .bytes());
  auto id = frame(program, Image::text_offset);
  fake_.names.resolve(fake_.profile.frames());
  std::filesystem::remove(path());
  auto profile = of_stack({id});
  EXPECT_EQ(profile.mappings.at(0).build_id, "0102");
}

}  // namespace
}  // namespace sightline::stack
