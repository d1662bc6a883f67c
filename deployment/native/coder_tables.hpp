// The entropy coder's tables of integers, computed as lic/entropy_coding/tables.py computes them.
#pragma once

#include "../../entropy_coding/native/tables.hpp"

namespace lic::deployment {

// Throws Failure if this machine's mathematics gives others than the format's, by their digest.
lic::Tables coder_tables();

}  // namespace lic::deployment
