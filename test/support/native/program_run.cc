// SPDX-License-Identifier: Apache-2.0
// See program_run.h.

#include "program_run.h"

#include <atomic>
#include <cstring>
#include <ctime>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include <bpf/bpf.h>
#include <sched.h>

#include "program.h"

namespace test_support
{

namespace
{

constexpr double NANOSECONDS = 1e9;

struct Outcome {
	int error = 0;
	const char *call = "";
	uint32_t duration_ns = 0;
	double cpu_ns = 0;
	uint32_t retval = 0;
};

std::vector<int> allowed_cpus()
{
	cpu_set_t set;
	checked(sched_getaffinity(0, sizeof(set), &set), "sched_getaffinity");
	std::vector<int> cpus;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &set))
			cpus.push_back(cpu);
	}
	return cpus;
}

double thread_cpu_ns()
{
	timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return static_cast<double>(time.tv_sec) * NANOSECONDS + static_cast<double>(time.tv_nsec);
}

// One call from JavaScript. It frees itself when the last of its threads has reported.
class TestRun
{
      public:
	TestRun(Napi::Env env, const Napi::Object &order)
	    : program_(open_program(order.Get("programId").As<Napi::Number>().Uint32Value())),
	      repeat_(order.Get("repeat").As<Napi::Number>().Uint32Value()),
	      outcomes_(order.Get("threads").As<Napi::Number>().Uint32Value()), running_(outcomes_.size()),
	      deferred_(Napi::Promise::Deferred::New(env))
	{
		const auto packet = order.Get("packet").As<Napi::Uint8Array>();
		packet_.assign(packet.Data(), packet.Data() + packet.ByteLength());
		context_.ifindex = order.Get("ifindex").As<Napi::Number>().Uint32Value();
		context_.ingress_ifindex = order.Get("ingressIfindex").As<Napi::Number>().Uint32Value();
		context_.gso_size = order.Get("gsoSize").As<Napi::Number>().Uint32Value();
		context_.gso_segs = order.Get("gsoSegs").As<Napi::Number>().Uint32Value();
		if (allowed_cpus().size() < outcomes_.size())
			fail("more threads than CPUs", EINVAL);
	}

	// Started from the calling thread, so that interface indexes are those of its network namespace.
	static Napi::Value start(Napi::Env env, std::unique_ptr<TestRun> owned)
	{
		TestRun *run = owned.release();
		run->done_ = Napi::ThreadSafeFunction::New(env, Napi::Function(), "progTestRun", 0, 1);
		const Napi::Promise promise = run->deferred_.Promise();
		const std::vector<int> cpus = allowed_cpus();
		for (size_t index = 0; index < run->outcomes_.size(); index++)
			run->threads_.emplace_back([run, index, cpu = cpus[index]] { run->work(index, cpu); });
		return promise;
	}

      private:
	void work(size_t index, int cpu)
	{
		outcomes_[index] = measure(cpu);
		if (--running_ > 0)
			return;
		done_.BlockingCall(this, [](Napi::Env env, Napi::Function, TestRun *run) {
			const std::unique_ptr<TestRun> owned(run);
			owned->finish(env);
		});
	}

	Outcome measure(int cpu)
	{
		cpu_set_t set;
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set) != 0)
			return {errno, "sched_setaffinity"};
		__sk_buff context = context_;
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet_.data(),
			    .data_size_in = static_cast<uint32_t>(packet_.size()), .ctx_in = &context,
			    .ctx_size_in = sizeof(context), .repeat = static_cast<int>(repeat_));
		const double before_ns = thread_cpu_ns();
		if (bpf_prog_test_run_opts(program_.get(), &options) < 0)
			return {errno, "BPF_PROG_TEST_RUN"};
		return {0, "", options.duration, thread_cpu_ns() - before_ns, options.retval};
	}

	void finish(Napi::Env env)
	{
		for (std::thread &thread : threads_)
			thread.join();
		done_.Release();
		Napi::Array results = Napi::Array::New(env);
		for (const Outcome &outcome : outcomes_) {
			if (outcome.error != 0) {
				deferred_.Reject(Napi::Error::New(env, std::string(outcome.call) + ": " +
									   std::strerror(outcome.error))
						     .Value());
				return;
			}
			Napi::Object result = Napi::Object::New(env);
			result.Set("durationNs", outcome.duration_ns);
			result.Set("cpuNs", outcome.cpu_ns);
			result.Set("retval", static_cast<int32_t>(outcome.retval));
			results.Set(results.Length(), result);
		}
		deferred_.Resolve(results);
	}

	Descriptor program_;
	std::vector<uint8_t> packet_;
	__sk_buff context_ = {};
	uint32_t repeat_;
	std::vector<Outcome> outcomes_;
	std::atomic<size_t> running_;
	std::vector<std::thread> threads_;
	Napi::Promise::Deferred deferred_;
	Napi::ThreadSafeFunction done_;
};

} // namespace

Napi::Value program_test_run(const Napi::CallbackInfo &info)
{
	return TestRun::start(info.Env(), std::make_unique<TestRun>(info.Env(), info[0].As<Napi::Object>()));
}

} // namespace test_support
